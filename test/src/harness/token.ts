import { createHmac } from 'node:crypto';
import { testSecret } from './server-process.js';

/** A token made by hand (RFC 7519, HS256), so that tests do not trust the server's own signing. */
export function signToken(
  claims: Readonly<Record<string, unknown>>,
  secret: string = testSecret,
  header: Readonly<Record<string, unknown>> = { alg: 'HS256', typ: 'JWT' },
): string {
  const content = `${part(header)}.${part(claims)}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

/**
 * Uses a token that ends soon: one that ends ever later, until it is still good where it is used. `use` returns undefined
 * where it was not.
 */
export async function withBriefToken<T>(
  use: (expires: number) => Promise<T | undefined>,
): Promise<T> {
  for (let life = 500; life < 100_000; life *= 2) {
    const result = await use(Date.now() + life);
    if (result !== undefined) return result;
  }
  throw new Error('no token was good for long enough');
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
