import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';

/** An OpenID provider on the loopback, where everybody may log in under any name. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string;
  /** Logs somebody in, as their browser would, and gives the ID token that the app's client gets. */
  logIn(login: string, nonce: string): Promise<string>;
  /** A token of any claims, signed with the provider's key. */
  sign(claims: JWTPayload, header?: object): Promise<string>;
}

const client = {
  client_id: 'shop',
  client_secret: 'the secret of the client',
  redirect_uris: ['https://shop.example/back'],
};

export async function startIssuer(): Promise<TestIssuer> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(url, {
    clients: [client],
    jwks: { keys: [jwk] },
    cookies: { keys: ['a key for cookies'] },
    pkce: { required: () => false },
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub, name: `Name of ${sub}`, email: `${sub}@example.com` }),
    }),
  });
  server.on('request', provider.callback());
  return {
    url,
    logIn: async (login, nonce) => await exchange(url, await authorize(url, login, nonce)),
    sign: (claims, header = { kid: 'one' }) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', ...header }).sign(privateKey),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Follows the provider through its pages: log in, consent, and back with a code. */
async function authorize(url: string, login: string, nonce: string): Promise<string> {
  const cookies = new Map<string, string>();
  const ask = async (at: string, form?: Record<string, string>) => {
    const response = await fetch(at, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    await response.text();
    const to = response.headers.get('location');
    return to === null ? undefined : new URL(to, url).href;
  };
  const query = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: client.redirect_uris[0] ?? '',
    response_type: 'code',
    scope: 'openid profile email',
    nonce,
  });
  let at = await ask(`${url}/auth?${query}`);
  for (const form of [{ prompt: 'login', login, password: 'x' }, { prompt: 'consent' }]) {
    // The page, what is sent from it, and back to where the page came from.
    const page = at ?? '';
    await ask(page);
    at = await ask(page, form);
    at = await ask(at ?? '');
  }
  const code = new URL(at ?? '').searchParams.get('code');
  if (code === null) throw new Error(`the provider led to ${at}`);
  return code;
}

async function exchange(url: string, code: string): Promise<string> {
  const { client_id, client_secret, redirect_uris } = client;
  const response = await fetch(`${url}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`${client_id}:${encodeURIComponent(client_secret)}`)}`,
    },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirect_uris[0] ?? '',
    }),
  });
  const { id_token } = (await response.json()) as { id_token: string };
  return id_token;
}
