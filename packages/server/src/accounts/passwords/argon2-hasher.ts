import { hash, verify } from '@node-rs/argon2';
import type { Random } from '../../platform/platform.js';
import type { Hasher } from './passwords.js';

export interface Argon2Options {
  /** Bytes of memory that one hash takes. */
  readonly memory: number;
  /** Number of passes over the memory. */
  readonly passes: number;
  readonly random: Random;
}

const saltBytes = 16;
const hashBytes = 32;

/** argon2id with one lane, on the threads of the platform. */
export function argon2Hasher({ memory, passes, random }: Argon2Options): Hasher {
  const memoryCost = Math.max(8, Math.floor(memory / 1024));
  const prefix = `$argon2id$v=19$m=${memoryCost},t=${passes},p=1$`;
  const parameters = { memoryCost, timeCost: passes, parallelism: 1, outputLen: hashBytes };
  return {
    hash: (password) => hash(password, { ...parameters, salt: random.bytes(saltBytes) }),
    async verify(made, password) {
      // A hash names its own parameters.
      return await verify(made, password).catch(() => false);
    },
    isCurrent: (made) => made.startsWith(prefix),
    dummyHash: `${prefix}${base64(random.bytes(saltBytes))}$${base64(random.bytes(hashBytes))}`,
  };
}

/** Without padding, as in hashes. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}
