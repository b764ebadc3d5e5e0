/** Whether a JSON text has more than `most` levels of arrays and objects. */
export function isDeeper(json: string, most: number): boolean {
  if (json.length < 2 * most) return false;
  let depth = 0;
  for (let index = 0; index < json.length; index++) {
    const code = json.charCodeAt(index);
    if (code === quote) index = endOfText(json, index);
    else if (code === openBracket || code === openBrace) {
      depth++;
      if (depth > most) return true;
    } else if (code === closeBracket || code === closeBrace) depth--;
  }
  return false;
}

/** The index of the quotation mark that ends the text which begins at `start`. */
function endOfText(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (end > 0 && isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end < 0 ? json.length : end;
}

function isEscaped(json: string, index: number): boolean {
  let first = index;
  while (json.charCodeAt(first - 1) === backslash) first--;
  return (index - first) % 2 === 1;
}

const [quote, backslash] = [0x22, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];
