import { testSecret } from './server-process.js';

/** An answer over HTTP. */
export interface AuthResponse {
  readonly status: number;
  readonly headers: Headers;
  // Tests look into bodies freely.
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever the server said
  readonly json: any;
}

export interface Posted {
  readonly token?: string;
  readonly secret?: string;
  readonly body?: unknown;
}

/** `POST` as a client of the auth endpoints sends it. */
export async function post(
  url: string,
  { token, secret, body }: Posted = {},
): Promise<AuthResponse> {
  const headers: Record<string, string> = {};
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (secret !== undefined) headers['x-really-secret'] = secret;
  const response = await fetch(url, {
    method: 'POST',
    headers,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: JSON.parse(text) };
}

/** As the app's own backend. */
export const asApp = (url: string, body: unknown): Promise<AuthResponse> =>
  post(url, { secret: testSecret, body });

/** The claims of a token, as anybody may read them. */
export function claimsOf(token: string): Record<string, unknown> {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return JSON.parse(payload) as Record<string, unknown>;
}
