/** Whether a text has another one in it. */
export type TextSearch = (text: string) => boolean;

/** Comparisons of characters up to which the engine's own search cannot take long. */
const fewComparisons = 2 ** 20;

/**
 * Compiles a search for a text, case-sensitively. The time is linear, whatever the texts: with
 * `includes` alone, `aa…ab` in `aa…a` would take as long as the product of their lengths.
 */
export function textSearch(search: string): TextSearch {
  let fallback: Int32Array | undefined;
  return (text) => {
    if (text.length * search.length <= fewComparisons) return text.includes(search);
    fallback ??= bordersOf(search);
    return includesLinear(text, search, fallback);
  };
}

/** Knuth, Morris and Pratt: for each prefix, the length of its longest proper border. */
function bordersOf(search: string): Int32Array {
  const borders = new Int32Array(search.length);
  let length = 0;
  for (let index = 1; index < search.length; index++) {
    const unit = search.charCodeAt(index);
    while (length > 0 && search.charCodeAt(length) !== unit) length = borders[length - 1] ?? 0;
    if (search.charCodeAt(length) === unit) length += 1;
    borders[index] = length;
  }
  return borders;
}

function includesLinear(text: string, search: string, borders: Int32Array): boolean {
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    while (length > 0 && search.charCodeAt(length) !== unit) length = borders[length - 1] ?? 0;
    if (search.charCodeAt(length) === unit) length += 1;
    if (length === search.length) return true;
  }
  return false;
}

/** Filters fold the same text one after the other. */
let latest = { text: '', folded: '' };

/**
 * A text without differences of case, as Unicode's full case folding: `ß`, `ẞ` and `SS` are `ss`,
 * `Σ`, `σ` and `ς` are `σ`, and the dotless `ı` stays.
 */
export function foldCase(text: string): string {
  if (text === latest.text) return latest.folded;
  const folded = isAscii.test(text) ? text.toLowerCase() : foldUnicode(text);
  latest = { text, folded };
  return folded;
}

const isAscii = /^[\0-\x7f]*$/;

/** In lower case first, since a capital `ẞ` is its own upper case. */
function foldUnicode(text: string): string {
  const parts = text.split('ı').map((part) => part.toLowerCase().toUpperCase().toLowerCase());
  // The one mapping of lower case that depends on where the letter is.
  return parts.join('ı').replaceAll('ς', 'σ');
}
