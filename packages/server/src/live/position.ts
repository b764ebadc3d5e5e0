import { fail } from '@really/protocol';
import type { Pos } from '../store/store.js';

const position = /^(?:0|[1-9][0-9]{0,15})$/;

/** A position as a push told it. Throws 400 where it is none; `path` is where it stands in the request. */
export function readPosition(pos: string | undefined, path: string): Pos | undefined {
  if (pos === undefined) return undefined;
  const asked = position.test(pos) ? Number(pos) : Number.NaN;
  if (!Number.isSafeInteger(asked)) throw fail.invalid(path, 'expected.position');
  return asked;
}
