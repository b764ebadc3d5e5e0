import type { ChangeLog } from './change-log.js';
import type { Collections } from './collections.js';
import { locate } from './location.js';

/**
 * Removes an object, if it exists, and its history from the database, as if it had never existed.
 * Inside a transaction.
 */
export function eraseObject(
  { collections, log }: { readonly collections: Collections; readonly log: ChangeLog },
  r: string,
): void {
  const location = locate(r);
  const collection = collections.open(location.collection);
  const head = collection.head(location);
  if (!head) return;
  const [, , born, last] = head;
  log.scrub(born, last);
  collection.remove(born);
}
