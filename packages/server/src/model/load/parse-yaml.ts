import { type CST, type Document, Parser, parseDocument } from 'yaml';
import type { SourceFile } from './source-file.js';

/** Maximum nesting of a file. */
export const deepest = 64;

/** The library composes nested values recursively, so a file that is too deep must be refused before. */
export function parseYaml(file: SourceFile): Document | undefined {
  if (isDeeper(file.text, deepest)) {
    return file.problem(0, `nested too deeply; expected at most ${deepest} levels`);
  }
  return parseDocument(file.text, {
    version: '1.2',
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
  });
}

/** Whether a text has more levels than this, valid or not. */
function isDeeper(text: string, levels: number): boolean {
  const waiting: { token: CST.Token; level: number }[] = [];
  for (const token of new Parser().parse(text)) waiting.push({ token, level: 0 });
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, level } = next;
    if (level > levels) return true;
    for (const inner of tokensIn(token)) waiting.push({ token: inner, level: level + 1 });
  }
  return false;
}

function tokensIn(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value ? [token.value] : [];
  if (!('items' in token)) return [];
  return token.items.flatMap((item) => [item.key, item.value]).filter((node) => node != null);
}
