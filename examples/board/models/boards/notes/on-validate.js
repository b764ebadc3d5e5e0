const colors = ['yellow', 'pink', 'green', 'blue'];
if (input.text.trim() === '') cancel(409, 'note.text.blank');
if (!colors.includes(input.color)) cancel(409, 'note.color.unknown');
