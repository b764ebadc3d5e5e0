const forEverybody = ['x', 'y', 'votes', 'popular'];
const mine = before.author === `/authors/${auth.uid}`;
if (!mine && fields.some((field) => !forEverybody.includes(field))) {
  cancel(403, 'note.not.yours');
}
if (before.author !== after.author) cancel(409, 'note.author.fixed');
