import { accessSync, constants, lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The system's code of an error, such as `EACCES`; empty if it has none. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Reasons that have nothing to do with the path. */
const reasons: ReadonlyMap<string, string> = new Map([
  ['EROFS', 'the file system is read-only'],
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', "the user's disk quota is used up"],
  ['EIO', 'the disk reports an error'],
  ['EMFILE', 'too many files are open (ulimit -n)'],
  ['ENFILE', 'too many files are open (ulimit -n)'],
  ['EISDIR', 'it is a folder'],
  ['ELOOP', 'it is a link that leads back to itself'],
  ['ENAMETOOLONG', 'the name is too long'],
]);

/**
 * Why the system refused an operation, in words that say what is missing. `path`: used if the error
 * does not have it.
 */
export function systemReason(error: unknown, path = pathOf(error)): string {
  const code = systemCode(error);
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return path === undefined ? 'permission denied' : `permission denied: ${denial(path)}`;
    case 'ENOTDIR':
    case 'EEXIST':
      return path === undefined ? 'there is a file in the way' : obstacle(path);
    case 'ENOENT':
      return path === undefined ? 'it does not exist' : absence(path, error);
    default:
      return reasons.get(code) ?? (error instanceof Error ? error.message : String(error));
  }
}

function pathOf(error: unknown): string | undefined {
  const path = error instanceof Error && 'path' in error ? error.path : undefined;
  return typeof path === 'string' && path !== '' ? path : undefined;
}

function denial(path: string): string {
  const user = `user ${process.getuid?.() ?? 'of this process'}`;
  const closed = above(path).find((folder) => !mayAccess(folder, constants.X_OK));
  if (closed !== undefined) return `${user} may not enter the folder ${described(closed)}`;
  const stat = statOf(path);
  if (stat && !mayAccess(path, constants.R_OK | constants.W_OK)) {
    return `${user} may not read or change ${described(path)}`;
  }
  const folder = dirname(path);
  if (!stat && !mayAccess(folder, constants.W_OK)) {
    return `${user} may not make anything in the folder ${described(folder)}`;
  }
  return 'the system does not allow it (an immutable file or folder, or a security policy)';
}

/** With owner and mode, since these may have to be changed. */
function described(path: string): string {
  const stat = statOf(path);
  if (!stat) return path;
  return `${path} (owner ${stat.uid}, mode ${(stat.mode & 0o7777).toString(8).padStart(4, '0')})`;
}

function obstacle(path: string): string {
  const link = danglingLink(path);
  if (link !== undefined) return link;
  const file = [...above(path), path].find((part) => statOf(part)?.isDirectory() === false);
  return file === undefined ? 'there is a file in the way' : `there is a file in the way: ${file}`;
}

function absence(path: string, error: unknown): string {
  const link = danglingLink(path);
  if (link !== undefined) return link;
  const missing = above(path).find((folder) => !statOf(folder));
  if (missing !== undefined) return `the folder ${missing} does not exist`;
  const call = error instanceof Error && 'syscall' in error ? error.syscall : undefined;
  // Listing it was a step of another operation, whose error does not name it.
  if (call === 'scandir') return `the folder ${path} does not exist`;
  if (call !== 'mkdir') return 'it does not exist';
  return `the file system of ${dirname(path)} does not allow making a folder there`;
}

function danglingLink(path: string): string | undefined {
  for (const part of [...above(path), path]) {
    if (statOf(part)) continue;
    const target = linkTarget(part);
    if (target !== undefined) return `${part} is a link to ${target}, which does not exist`;
  }
  return undefined;
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** The folders above a path, outermost first. */
function above(path: string): string[] {
  const parent = dirname(path);
  return parent === path || parent === '.' ? [] : [...above(parent), parent];
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function mayAccess(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch (error) {
    // Any other error: it exists, but access was refused.
    return systemCode(error) === 'ENOENT';
  }
}
