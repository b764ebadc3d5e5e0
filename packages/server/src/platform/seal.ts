import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/**
 * Derives a key for a single purpose from a secret that serves several. As a `KeyObject`: with the
 * bytes of a key, Node 24 takes ten times as long for a seal.
 */
export function sealKey(secret: string, purpose: string): KeyObject {
  return createSecretKey(createHmac('sha256', secret).update(purpose).digest());
}

/** The key and length of a seal. */
export interface SealKind {
  readonly key: string | KeyObject;
  /** Characters of a seal, 6 bits each. */
  readonly length: number;
}

/** The start of a text's HMAC-SHA-256 in base64url: cannot be made without the key. */
export function sealOf(text: string, { key, length }: SealKind): string {
  return createHmac('sha256', key).update(text).digest('base64url').slice(0, length);
}

/** True if the seal is this text's. Compares in constant time. */
export function isSealOf(text: string, kind: SealKind, given: string): boolean {
  const [seal, expected] = [Buffer.from(given), Buffer.from(sealOf(text, kind))];
  return seal.length === expected.length && timingSafeEqual(seal, expected);
}
