import type { IncomingMessage } from 'node:http';
import { hostOf } from './hosts.js';
import type { Origins } from './origins.js';

type CrossOriginRequest = Pick<IncomingMessage, 'headers' | 'headersDistinct'>;

/**
 * True if a browser sent it for a page of another origin that is not in `cors`. Any page can make
 * its visitors send such requests, so they have a rate of their own and do not use up the visitor's
 * address.
 */
export function isFromForeignPage(request: CrossOriginRequest, origins: Origins): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site === 'same-origin' || site === 'none') return false;
  if (origin === undefined) return site !== undefined;
  if (nameOf(origin) === hostOf(request)) return false;
  return !origins.patterns?.some((pattern) => pattern.test(origin));
}

function nameOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname.toLowerCase() : origin;
}

/**
 * True if a page of another origin may have sent it without a preflight, which browsers send before
 * a request that declares JSON. `type`: the Content-Type of the request.
 */
export function lacksPreflight({ headers }: CrossOriginRequest, type: string | undefined): boolean {
  const hasBody =
    headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
  return hasBody && !/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type ?? '');
}
