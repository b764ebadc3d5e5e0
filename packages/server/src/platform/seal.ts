import { createHmac, timingSafeEqual } from 'node:crypto';

/** A key for one purpose alone, made of a secret that serves several. */
export function sealKey(secret: string, purpose: string): Buffer {
  return createHmac('sha256', secret).update(purpose).digest();
}

/** What a text is sealed with. */
export interface SealKind {
  readonly key: string | Buffer;
  /** Of a seal, in characters of 6 bits each. */
  readonly length: number;
}

/** The beginning of a text's HMAC-SHA-256, in base64url: whoever does not have the key cannot make it. */
export function sealOf(text: string, { key, length }: SealKind): string {
  return createHmac('sha256', key).update(text).digest('base64url').slice(0, length);
}

/** Whether the seal is this text's. That takes as long whatever of it is wrong, so that nobody finds it by trying. */
export function isSealOf(text: string, kind: SealKind, given: string): boolean {
  const [seal, expected] = [Buffer.from(given), Buffer.from(sealOf(text, kind))];
  return seal.length === expected.length && timingSafeEqual(seal, expected);
}
