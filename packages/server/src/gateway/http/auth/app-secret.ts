import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** True if `X-Really-Secret` is the app's secret. Compares in constant time. */
export function hasSecret({ headers }: IncomingMessage, secret: string): boolean {
  const given = headers['x-really-secret'];
  if (typeof given !== 'string' || secret === '') return false;
  // Header bytes arrive as Latin-1, whatever their encoding.
  return timingSafeEqual(digest(Buffer.from(given, 'latin1')), digest(Buffer.from(secret)));
}

/** As `hasSecret`, for a value from elsewhere. */
export function isSecret(given: unknown, secret: string): boolean {
  if (typeof given !== 'string' || secret === '') return false;
  return timingSafeEqual(digest(Buffer.from(given)), digest(Buffer.from(secret)));
}

const digest = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
