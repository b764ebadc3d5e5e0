import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ownerOnlyFolder } from '../platform/owner-only.js';

/** Of folders that are made on the way to one that is its owner's alone. */
const othersMayEnter = 0o755;

/**
 * Makes a folder for its owner alone, whatever the umask, and those above it that are missing; one that is there is
 * fine and stays as it is. True where it was made. Throws what the system says. Node's own recursive `mkdir`
 * runs for ever where a folder cannot be made although the one above it is there, as under /proc,
 * and a start must end with a word about it.
 */
export function makeFolder(folder: string): boolean {
  const found = make(folder, ownerOnlyFolder);
  if (found === 'there') return false;
  if (found === 'nowhere') {
    makeAbove(dirname(folder));
    mkdirSync(folder, ownerOnlyFolder);
  }
  chmodSync(folder, ownerOnlyFolder);
  return true;
}

function makeAbove(folder: string): void {
  if (make(folder, othersMayEnter) !== 'nowhere') return;
  makeAbove(dirname(folder));
  mkdirSync(folder, othersMayEnter);
}

/** 'nowhere' where the folder above is missing. */
function make(folder: string, mode: number): 'made' | 'there' | 'nowhere' {
  try {
    mkdirSync(folder, mode);
    return 'made';
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST' && statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
      return 'there';
    }
    if (code === 'ENOENT' && dirname(folder) !== folder) return 'nowhere';
    throw error;
  }
}
