import { realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';

/** The dot folder that is public (RFC 8615). */
const wellKnown = '.well-known';

/**
 * Rule LIM36: true if a file of the public folder may be served. `path` is decoded. Dotfiles are
 * not public, and the target of a link has to be in the folder, too.
 */
export function isPublicFile(path: string, root: string): boolean {
  if (/[\\\0]/.test(path)) return false;
  const names = path.split('/').filter(Boolean);
  if (names.some((name, at) => name.startsWith('.') && !(at === 0 && name === wellKnown))) {
    return false;
  }
  try {
    const folder = realpathSync(root);
    const file = realpathSync(join(root, ...names));
    if (!isWithin(file, folder)) return false;
    // A folder is served as its index, if there is one.
    return !statSync(file).isDirectory() || isIndexWithin(file, folder);
  } catch {
    return false;
  }
}

/**
 * True if a GET of this path is answered with a file: the path itself, or the index of the folder
 * it names.
 */
export function isServedFile(path: string, root: string): boolean {
  if (!isPublicFile(path, root)) return false;
  const files = [join(root, path), join(root, path, 'index.html')];
  return files.some((file) => statSync(file, { throwIfNoEntry: false })?.isFile() ?? false);
}

function isIndexWithin(path: string, folder: string): boolean {
  try {
    return isWithin(realpathSync(join(path, 'index.html')), folder);
  } catch {
    return true;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
