export interface AnonymousOptions {
  /** The name under which this browser keeps the token. Another name is another user. */
  readonly key?: string | undefined;
}

/**
 * The token of a user without an account, to be given to a client: `new Really(url, { token: anonymous(url) })`. The browser
 * keeps it, so all its windows are one user. It lasts a day, and is exchanged for another one of the same user whenever the
 * client asks. Whoever comes back later than that is somebody new. Rule TSC16.
 */
export function anonymous(
  url: string | URL,
  { key = 'really.token' }: AnonymousOptions = {},
): (options: { readonly signal: AbortSignal }) => Promise<string> {
  const base = String(url).replace(/^ws/, 'http');

  async function post(path: string, init: RequestInit): Promise<string | undefined> {
    const response = await fetch(new URL(path, base), { method: 'POST', ...init });
    if (response.status === 401) return undefined;
    if (!response.ok) throw new Error(`no token: HTTP ${response.status}`);
    const { accessToken } = (await response.json()) as { accessToken: string };
    localStorage.setItem(key, accessToken);
    return accessToken;
  }

  /** Another token of the user that is kept; `undefined` where there is none, or it has run out. */
  async function renewed(signal: AbortSignal): Promise<string | undefined> {
    const kept = localStorage.getItem(key);
    if (kept === null) return undefined;
    return await post('/auth/refresh', { headers: { authorization: `Bearer ${kept}` }, signal });
  }

  async function first(signal: AbortSignal): Promise<string> {
    // Another window may have been faster.
    const token = (await renewed(signal)) ?? (await post('/auth/anonymous', { signal }));
    if (token === undefined) throw new Error('no token: HTTP 401');
    return token;
  }

  return async ({ signal }) => {
    const token = await renewed(signal);
    if (token !== undefined) return token;
    // Without a secure context there are no locks.
    const locks = navigator.locks as LockManager | undefined;
    return locks ? await locks.request(key, { signal }, () => first(signal)) : await first(signal);
  };
}
