import { chmodSync, closeSync, fchmodSync, lstatSync, openSync } from 'node:fs';

/** Modes of files and folders for their owner only. */
export const ownerOnlyFile = 0o600;
export const ownerOnlyFolder = 0o700;

/** The mode bits of group and others. */
const others = 0o077;

/** Systems without users have no modes to restrict. */
const hasModes = process.getuid !== undefined;

/**
 * Makes an empty file for its owner only, whatever the umask; an existing file is kept unchanged.
 * Throws the system's error.
 */
export function makeOwnerOnlyFile(file: string): void {
  const descriptor = openSync(file, 'ax', ownerOnlyFile);
  try {
    if (hasModes) fchmodSync(descriptor, ownerOnlyFile);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Removes the rights of group and others from a file. False if they still have any: the file
 * belongs to another user, or the file system has no modes. Links are left alone, since their
 * targets may belong to anybody.
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

/** True if group or others have any right to this file or folder. */
export function isOpen(path: string): boolean {
  if (!hasModes) return false;
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isSymbolicLink() && (stat.mode & others) !== 0;
}
