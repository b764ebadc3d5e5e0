import { fail } from '@really/protocol';

/** What a write may be based on, in place of its message's revision; `any`: the current one. */
export type AcceptedRevs = 'any' | readonly AcceptedRev[];

export interface AcceptedRev {
  readonly rev: number;
  /** Of the store that issued it; `undefined` where the client did not say. */
  readonly epoch?: string | undefined;
}

/**
 * The revision that a write is based on: the current one where that is accepted, else the last
 * accepted one before it. Throws 409 where all are of another store.
 */
export function baseRev(
  rev: number,
  accepted: AcceptedRevs | undefined,
  current: { readonly rev: number; readonly epoch: string },
): number {
  if (accepted === undefined) return rev;
  if (accepted === 'any') return current.rev;
  const known = accepted
    .filter(({ epoch = current.epoch }) => epoch === current.epoch)
    .map((revision) => revision.rev);
  if (known.length === 0) throw fail('object.revision.unknown');
  if (known.includes(current.rev)) return current.rev;
  const earlier = known.filter((knownRev) => knownRev < current.rev);
  return Math.max(...(earlier.length > 0 ? earlier : known));
}
