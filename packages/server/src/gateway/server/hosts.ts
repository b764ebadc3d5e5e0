import type { IncomingMessage } from 'node:http';

/** What of a request tells whom it is for. */
export type HostedRequest = Pick<IncomingMessage, 'headers' | 'headersDistinct' | 'url'>;

/**
 * Which app a request is for (rule HOST1). Where there is a domain, its host is `<clientid>.<domain>`; else there is one
 * app, and any host is its own.
 */
export class Hosts<T> {
  readonly #suffix: string | undefined;
  readonly #apps: ReadonlyMap<string, T>;
  readonly #only: T | undefined;

  /** `domain` and clientids are in lower case. */
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
 * The name that was asked for: without port and case, and without the dot that ends a full name. A target in absolute form
 * says more than the header (RFC 9112, section 3.2.2), and two headers say nothing. `X-Forwarded-Host` is left alone: a proxy
 * passes `Host` on.
 */
export function hostOf(request: HostedRequest): string {
  return authorityOf(request).replace(/:\d*$/, '').replace(/\.$/, '');
}

/** The port that was asked for, where it was named. */
export function portOf(request: HostedRequest): number | undefined {
  const port = /:(\d+)$/.exec(authorityOf(request))?.[1];
  return port === undefined ? undefined : Number(port);
}

function authorityOf({ headers, headersDistinct, url = '' }: HostedRequest): string {
  if ((headersDistinct.host?.length ?? 0) > 1) return '';
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(url);
  return (absolute?.[1] ?? headers.host ?? '').trim().toLowerCase();
}
