import type { IncomingMessage } from 'node:http';
import { hostOf } from './hosts.js';
import type { Origins } from './origins.js';

type CrossOriginRequest = Pick<IncomingMessage, 'headers' | 'headersDistinct'>;

/**
 * Whether a browser sent it for a page of another origin that the app does not name in `cors`. Any page can make its visitors send such
 * requests, so they pay from a share of their own: nobody's address is used up by a page that they look at.
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
 * Whether a page of another origin sends it without asking the server first: browsers ask (a preflight) before they send what says that
 * it is JSON. `type`: what the request says that its body is.
 */
export function lacksPreflight({ headers }: CrossOriginRequest, type: string | undefined): boolean {
  const hasBody =
    headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
  return hasBody && !/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type ?? '');
}
