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

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
