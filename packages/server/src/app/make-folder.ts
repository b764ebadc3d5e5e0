import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing; one that is there is fine. Throws what the
 * system says. Node's own recursive `mkdir` runs for ever where a folder can not be made although
 * the one above it is there, as under /proc, and a start must end with a word about it.
 */
export function makeFolder(folder: string): void {
  if (madeOrThere(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
}

/** False where the folder above is missing. */
function madeOrThere(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return true;
    if (code === 'ENOENT' && dirname(folder) !== folder) return false;
    throw error;
  }
}
