import type { StoredObject } from './stored-object.js';
import type { ObjectRead } from './write-group.js';

/** Whether an object, as it is now, is the one that was read, as far as that counts. */
export function isUnchanged(
  { rev, fields }: ObjectRead,
  now: Pick<StoredObject, 'rev' | 'deleted' | 'touched'> | undefined,
): boolean {
  if (now === undefined || now.deleted) return rev === 0;
  if (rev === 0 || now.rev < rev) return false;
  if (now.rev === rev) return true;
  return fields?.every((field) => lastTouch(now.touched, field) <= rev) ?? false;
}

function lastTouch(touched: StoredObject['touched'], field: string): number {
  return Object.hasOwn(touched, field) ? (touched[field] ?? 1) : 1;
}
