import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** Bytes of a block of SHA-256. */
const blockSize = 64;

/** Bytes of text that a key has room for beside itself. */
const room = 512;

/**
 * A key for seals. It makes the HMAC-SHA-256 of RFC 2104 with two plain hashes, from a key whose
 * blocks are prepared once: `createHmac` makes a stream for each, which takes two to three times as
 * long, and a position is sealed for each change and view of a live query.
 */
export class SealKey {
  /** The inner block, and room for a text. */
  readonly #inner: Buffer;
  /** The outer block, and room for the inner hash. */
  readonly #outer: Buffer;

  /** At most 64 bytes. */
  constructor(key: string | Buffer) {
    const bytes = Buffer.from(key);
    if (bytes.length > blockSize) throw new RangeError('the key of a seal is longer than a block');
    this.#inner = Buffer.alloc(blockSize + room, 0x36);
    this.#outer = Buffer.alloc(blockSize + 32, 0x5c);
    for (const [index, byte] of bytes.entries()) {
      this.#inner[index] = 0x36 ^ byte;
      this.#outer[index] = 0x5c ^ byte;
    }
  }

  /** Derives a key for a single purpose from a secret that serves several. */
  static derive(secret: string, purpose: string): SealKey {
    return new SealKey(createHmac('sha256', secret).update(purpose).digest());
  }

  /** The HMAC-SHA-256 of a text, in base64url. */
  digest(text: string): string {
    this.#outer.write(hash('sha256', this.#message(text), 'binary'), blockSize, 'binary');
    return hash('sha256', this.#outer, 'base64url');
  }

  #message(text: string): Buffer {
    const inner = this.#inner;
    // A character takes three bytes at most.
    if (text.length * 3 > room) {
      return Buffer.concat([inner.subarray(0, blockSize), Buffer.from(text)]);
    }
    return inner.subarray(0, blockSize + inner.write(text, blockSize));
  }
}

/** The key and length of a seal. */
export interface SealKind {
  readonly key: SealKey;
  /** Characters of a seal, 6 bits each. */
  readonly length: number;
}

/** The start of a text's HMAC-SHA-256 in base64url: cannot be made without the key. */
export function sealOf(text: string, { key, length }: SealKind): string {
  return key.digest(text).slice(0, length);
}

/** True if the seal is this text's. Compares in constant time. */
export function isSealOf(text: string, kind: SealKind, given: string): boolean {
  const [seal, expected] = [Buffer.from(given), Buffer.from(sealOf(text, kind))];
  return seal.length === expected.length && timingSafeEqual(seal, expected);
}
