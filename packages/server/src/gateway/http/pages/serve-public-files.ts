import files from '@fastify/static';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { pathOf } from '../../server/socket-path.js';
import { isPublicFile, isSamePath } from './public-files.js';

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
