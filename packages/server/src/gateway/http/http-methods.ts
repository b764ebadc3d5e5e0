import type { FastifyInstance } from 'fastify';
import { protocolVersion } from '../server/socket-path.js';
import { restTarget } from './rest/rest-message.js';

/** Resolves with the methods of a path, as in `Allow`; `undefined`: no such path. */
export type MethodsOf = (path: string) => Promise<readonly string[] | undefined>;

const rest = `/v${protocolVersion}/`;

/**
 * Collects the paths of section HTTP, and every path that is added from now on. `isFile`: whether
 * there is a file under a decoded path; routes take precedence over it.
 */
export function watchMethods(
  app: FastifyInstance,
  isFile: (path: string) => Promise<boolean> = async () => false,
): MethodsOf {
  const known = new Map<string, { readonly path: RegExp; readonly methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return;
    const route = known.get(url) ?? { path: patternOf(url), methods: new Set() };
    known.set(url, route);
    for (const name of [method].flat()) route.methods.add(name);
  });
  return async (path) => {
    if (path.startsWith(rest)) {
      const { methods } = restTarget(path.slice(rest.length - 1), '');
      return methods.length > 0 ? methods : undefined;
    }
    const route = [...known.values()].find((candidate) => candidate.path.test(path));
    if (route) return [...route.methods, 'OPTIONS'];
    return (await isFile(decodeURIComponent(path))) ? ['GET', 'HEAD', 'OPTIONS'] : undefined;
  };
}

/** `/_dead-letters/:id` is any path of two segments that starts like this. */
function patternOf(url: string): RegExp {
  const source = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+');
  return new RegExp(`^${source}$`);
}
