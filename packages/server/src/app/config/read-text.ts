import { readFileSync } from 'node:fs';

/** A file as text. The mark that some editors put at its beginning, to say that it is UTF-8, is no part of it. Throws as `readFileSync`. */
export function readText(path: string): string {
  return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
}
