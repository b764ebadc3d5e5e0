import type { IncomingMessage } from 'node:http';

/** The parts of a request that say which app it is for. */
export type HostedRequest = Pick<IncomingMessage, 'headers' | 'headersDistinct' | 'url'>;

/**
 * Finds the app that a request is for (rule HOST1), `undefined` if it is none. With a domain, its
 * host is `<clientid>.<domain>`; without one there is a single app on any host. `domain` and
 * clientids are lower case.
 */
export function appByHost<T>(
  domain: string | undefined,
  apps: ReadonlyMap<string, T>,
): (request: HostedRequest) => T | undefined {
  const [only] = apps.values();
  if (domain === undefined) return () => only;
  const suffix = `.${domain}`;
  return (request) => {
    const host = hostOf(request);
    return host.endsWith(suffix) ? apps.get(host.slice(0, -suffix.length)) : undefined;
  };
}

/**
 * The host name of a request in lower case, without port and trailing dot. A target in absolute
 * form overrides the header (RFC 9112, section 3.2.2); two headers give no name. `X-Forwarded-Host`
 * is ignored: a proxy passes `Host` on.
 */
export function hostOf(request: HostedRequest): string {
  return authorityOf(request).replace(/:\d*$/, '').replace(/\.$/, '');
}

/** The port of the request's host, if it names one. */
export function portOf(request: HostedRequest): number | undefined {
  const port = /:(\d+)$/.exec(authorityOf(request))?.[1];
  return port === undefined ? undefined : Number(port);
}

function authorityOf({ headers, headersDistinct, url = '' }: HostedRequest): string {
  if ((headersDistinct.host?.length ?? 0) > 1) return '';
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(url);
  return (absolute?.[1] ?? headers.host ?? '').trim().toLowerCase();
}
