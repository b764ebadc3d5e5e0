import type { Random } from '../platform/platform.js';
import type { Epoch } from './store.js';

/** Bytes of an epoch's id and of a mark: enough to be unique. */
const idBytes = 8;
const secretBytes = 16;

/** A new, unique epoch. */
export function makeEpoch(random: Random, isFirst: boolean): Epoch {
  return { id: hexOf(random, idBytes), secret: hexOf(random, secretBytes), isFirst };
}

/** A random text of 16 hexadecimal digits. */
export function makeMark(random: Random): string {
  return hexOf(random, idBytes);
}

function hexOf(random: Random, bytes: number): string {
  return Buffer.from(random.bytes(bytes)).toString('hex');
}
