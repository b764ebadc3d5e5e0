/**
 * A copy as it would come back from a disk: plain JSON, without members that are `undefined`. It is
 * frozen, because the store gives out the same copy to everybody: who changes it is told at once.
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
