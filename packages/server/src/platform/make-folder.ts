import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ownerOnlyFolder } from './owner-only.js';

/** For folders made above one that is for its owner only. */
const othersMayEnter = 0o755;

/**
 * Makes a folder for its owner only, whatever the umask, and missing ones above it; an existing
 * folder is kept unchanged. True if it was made. Throws the system's error. Node's recursive
 * `mkdir` loops forever if a folder cannot be made in an existing one, as under /proc, and a start
 * has to end with an error message.
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

/** 'nowhere' if the parent folder is missing. */
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
