// What the parts of the page share: the connection, what it keeps true, and how to tell people.
import { Connection } from './connection.js';
import { Live } from './live.js';

export const connection = new Connection();
export const live = new Live(connection);

export const $ = (id) => document.getElementById(id);

/** The R of our author: its id is the uid of our token. */
export const me = () => (connection.user ? `/authors/${connection.user.uid}` : undefined);

export const nameOf = (authorR) => live.objects.get(authorR)?.name ?? '…';

/** Changes an object, on the revision that we know. */
export function update(r, ops) {
  return connection.write({ cmd: 'update', r, rev: live.objects.get(r)._rev, body: { ops } });
}

export const set = (key, value) => ({ op: 'set', key, value });

let saidUntil;
/** Tells people what was refused, and why. */
export function say(error) {
  const words = {
    'note.text.blank': 'A note needs some text.',
    'author.name.blank': 'A name needs a letter at least.',
    'note.not.yours': 'Only its author can change that note.',
    'object.gone': 'Somebody has deleted that meanwhile.',
    'object.revision.outdated':
      'Somebody changed that at the same moment. Please look, and try again.',
    'rate.limited': 'That was too quick. Please wait a little.',
    forbidden: 'You may not do that.',
  };
  $('said').textContent = words[error.message] ?? `The server refused that: ${error.message}`;
  clearTimeout(saidUntil);
  saidUntil = setTimeout(() => $('said').replaceChildren(), 6000);
}
