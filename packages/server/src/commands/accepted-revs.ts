/** Revisions of an object that a write may be based on, in place of the one that its message names; `any`: whichever there is. */
export type AcceptedRevs = 'any' | readonly number[];

/** The revision that a write is based on: the current one where that is accepted, else the last before it. */
export function baseRev(rev: number, accepted: AcceptedRevs | undefined, current: number): number {
  if (accepted === undefined) return rev;
  if (accepted === 'any' || accepted.includes(current)) return current;
  const earlier = accepted.filter((one) => one < current);
  return Math.max(...(earlier.length > 0 ? earlier : accepted));
}
