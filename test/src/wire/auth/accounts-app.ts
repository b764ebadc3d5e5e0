/** An app that people sign up for. */
export const accountsApp: Readonly<Record<string, string>> = {
  'models/users/model.yaml': `version: 1
fields:
  email: { type: String, unique: true }
  name: { type: String, required: true }
  nick: { type: String, unique: true }
access:
  create: auth.authType == "password" && auth._r == r
  read: auth._r == obj._r
  update: auth._r == obj._r
`,
};

/** Hashes that cost little, and as many requests as a test likes. */
export const quickHashes = {
  REALLY_AUTH_HASH_MEMORY: '64KiB',
  REALLY_AUTH_HASH_PASSES: '1',
  REALLY_RATE_SIGNUP: '0',
  REALLY_RATE_LOGIN: '0',
};

export interface AccountsResponse {
  readonly status: number;
  readonly headers: Headers;
  // Tests look into bodies freely.
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever the server said
  readonly json: any;
}

/** Posts JSON, or a text as it is. */
export async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<AccountsResponse> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, { method: 'POST', body: text, headers });
  return { status: response.status, headers: response.headers, json: await response.json() };
}
