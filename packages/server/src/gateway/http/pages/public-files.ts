import { realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';

/** What tools look for below a dot (RFC 8615). */
const wellKnown = '.well-known';

/**
 * Rule LIM36: whether a file of the public folder may be served. `path` is decoded. Names that begin with a dot are for
 * tools and not for the world, and a link may lead anywhere: what it leads to has to be in the folder too.
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
    // Of a folder its index is served, where there is one.
    return !statSync(file).isDirectory() || isIndexWithin(file, folder);
  } catch {
    return false;
  }
}

/** Whether a GET of this path is answered with a file: that of the path, or the index of the folder that it names. */
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
