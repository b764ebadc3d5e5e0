import type { IncomingMessage } from 'node:http';

/** The parts of a request that say which app it is for. */
export type HostedRequest = Pick<IncomingMessage, 'headers' | 'headersDistinct' | 'url'>;

/**
 * Finds the app that a request is for (rule HOST1). With a domain, its host is
 * `<clientid>.<domain>`; without one there is a single app on any host.
 */
export class Hosts<T> {
  readonly #suffix: string | undefined;
  readonly #apps: ReadonlyMap<string, T>;
  readonly #only: T | undefined;

  /** `domain` and clientids are lower case. */
  constructor(domain: string | undefined, apps: ReadonlyMap<string, T>) {
    this.#suffix = domain === undefined ? undefined : `.${domain}`;
    this.#apps = apps;
    this.#only = [...apps.values()][0];
  }

  /** `undefined`: no app has this host. */
  appOf(request: HostedRequest): T | undefined {
    const suffix = this.#suffix;
    if (suffix === undefined) return this.#only;
    const host = hostOf(request);
    if (!host.endsWith(suffix)) return undefined;
    return this.#apps.get(host.slice(0, -suffix.length));
  }
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
