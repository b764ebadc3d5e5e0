/**
 * A copy as a disk would return it: plain JSON, without `undefined` members. Frozen because the
 * store gives the same copy to every caller: a mutation throws at once.
 */
export function frozenCopy<T>(value: T): T {
  return freeze(JSON.parse(JSON.stringify(value))) as T;
}

function freeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) freeze(member);
    Object.freeze(value);
  }
  return value;
}
