// A name has to show something, and a color has to be one of those that the page knows.
const colors = ['teal', 'plum', 'moss', 'rust', 'slate'];
if (input.name.trim() === '') cancel(409, 'author.name.blank');
if (!colors.includes(input.color)) cancel(409, 'author.color.unknown');
