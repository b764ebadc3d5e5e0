import { chmodSync, closeSync, fchmodSync, lstatSync, openSync } from 'node:fs';

/** What only its owner may read and write, and list. */
export const ownerOnlyFile = 0o600;
export const ownerOnlyFolder = 0o700;

/** The bits of group and others. */
const others = 0o077;

/** Systems without users and modes have nothing to narrow. */
const hasModes = process.getuid !== undefined;

/** Makes an empty file for its owner alone, whatever the umask; one that is there stays as it is. Throws what the system says. */
export function makeOwnerOnlyFile(file: string): void {
  const descriptor = openSync(file, 'ax', ownerOnlyFile);
  try {
    if (hasModes) fchmodSync(descriptor, ownerOnlyFile);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Takes away what group and others may do with a file. False where they still may: it belongs to somebody else, or
 * its file system has no modes. Links are left alone, for what they lead to may be anybody's.
 */
export function narrowFile(file: string): boolean {
  if (!isOpen(file)) return true;
  try {
    chmodSync(file, lstatSync(file).mode & ownerOnlyFile);
  } catch {
    return false;
  }
  return !isOpen(file);
}

/** Whether group or others may do anything with this file or folder. */
export function isOpen(path: string): boolean {
  if (!hasModes) return false;
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isSymbolicLink() && (stat.mode & others) !== 0;
}
