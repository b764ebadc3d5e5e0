import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import files from '@fastify/static';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { pathOf } from '../../server/socket-path.js';

/** The dot folder that is public (RFC 8615). */
const wellKnown = '.well-known';

/** Serves the files of the public folder (rule LIM36). */
export async function servePublicFiles(app: FastifyInstance, root: string): Promise<void> {
  /** The paths that may be served. The plugin does not wait, so they are checked before. */
  const allowed = new WeakMap<FastifyRequest, string>();
  app.addHook('preHandler', async (request) => {
    const path = decodeURI(pathOf(request.url));
    if (await isPublicFile(path, root)) allowed.set(request, path);
  });
  await app.register(files, {
    root,
    allowedPath: (path, _root, request) => {
      const checked = allowed.get(request);
      return checked !== undefined && isSamePath(path, checked);
    },
  });
}

/**
 * Rule LIM36: true if a file of the public folder may be served. `path` is decoded. Dotfiles are
 * not public, and the target of a link has to be in the folder, too.
 */
export async function isPublicFile(path: string, root: string): Promise<boolean> {
  if (/[\\\0]/.test(path)) return false;
  const names = namesIn(path);
  if (names.some((name, at) => name.startsWith('.') && !(at === 0 && name === wellKnown))) {
    return false;
  }
  try {
    const folder = await realpath(root);
    const file = await realpath(join(root, ...names));
    if (!isWithin(file, folder)) return false;
    if (!(await stat(file)).isDirectory()) return true;
    // A folder is served as its index, if there is one.
    const index = await realpath(join(file, 'index.html')).catch(() => undefined);
    return index === undefined || isWithin(index, folder);
  } catch {
    return false;
  }
}

/** True if a GET of this path is answered with a file: itself, or the index of its folder. */
export async function isServedFile(path: string, root: string): Promise<boolean> {
  if (!(await isPublicFile(path, root))) return false;
  const files = [join(root, path), join(root, path, 'index.html')];
  const found = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
  return found.some((entry) => entry?.isFile());
}

/** Whether two paths name the same: how many slashes there are does not matter. */
function isSamePath(a: string, b: string): boolean {
  return namesIn(a).join('/') === namesIn(b).join('/');
}

function namesIn(path: string): string[] {
  return path.split('/').filter(Boolean);
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
