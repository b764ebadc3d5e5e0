import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Whether a request has the app's secret in `X-Really-Secret`. Takes the same time wherever the two differ. */
export function hasSecret({ headers }: IncomingMessage, secret: string): boolean {
  const given = headers['x-really-secret'];
  if (typeof given !== 'string' || secret === '') return false;
  // The bytes of a header arrive as Latin-1, whatever they stand for.
  return timingSafeEqual(digest(Buffer.from(given, 'latin1')), digest(Buffer.from(secret)));
}

/** As `hasSecret`, of a value that came in another way. */
export function isSecret(given: unknown, secret: string): boolean {
  if (typeof given !== 'string' || secret === '') return false;
  return timingSafeEqual(digest(Buffer.from(given)), digest(Buffer.from(secret)));
}

const digest = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
