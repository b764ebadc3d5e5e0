import type { Scalar } from 'yaml';

/** The place in the file of a character of a scalar's value, which is without quotes, escapes and folding. */
export function scalarOffset(text: string, scalar: Scalar, index: number): number {
  const [start, end] = scalar.range ?? [0, 0];
  const value = typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? '');
  const style = styleOf(text, start);
  let at = style === 'block' ? contentStart(text, start) : style === 'plain' ? start : start + 1;
  for (let done = 0; done < value.length && at < end; done++) {
    at = skipFolding(text, at, value.charAt(done), style);
    if (done >= index) return at;
    at += widthAt(text, at, style);
  }
  return Math.min(at, end);
}

type Style = 'plain' | 'single' | 'double' | 'block';

function styleOf(text: string, start: number): Style {
  switch (text[start]) {
    case "'":
      return 'single';
    case '"':
      return 'double';
    case '|':
    case '>':
      return 'block';
    default:
      return 'plain';
  }
}

/** The line after the header of a block scalar. */
function contentStart(text: string, start: number): number {
  const lineEnd = text.indexOf('\n', start);
  return lineEnd < 0 ? text.length : lineEnd + 1;
}

const escapeWidths: Record<string, number> = { x: 4, u: 6, U: 10 };

/** Characters in the file for one character of the value. */
function widthAt(text: string, at: number, style: Style): number {
  if (style === 'single' && text.startsWith("''", at)) return 2;
  if (style === 'double' && text[at] === '\\') return escapeWidths[text.charAt(at + 1)] ?? 2;
  return 1;
}

/** Skips line ends and indentation that are not in the value. */
function skipFolding(text: string, from: number, wanted: string, style: Style): number {
  let at = from;
  for (;;) {
    const found = text.charAt(at);
    if (found === '' || found === wanted) return at;
    // A single line end is a space in the value.
    if (wanted === ' ' && found === '\n') return at;
    if (/\s/.test(found)) at++;
    else if (style === 'double' && found === '\\' && text[at + 1] === '\n') at += 2;
    else return at;
  }
}
