import { fail, type JsonValue } from '@really/protocol';
import { valueAt } from '../store/order.js';
import type { StoredObject } from '../store/store.js';
import type { ChangesSincePaging } from './changes-since-paging.js';
import { isLongValue, type LongValue, type PageStart, type PageToken } from './page-tokenizer.js';
import type { Search } from './search.js';
import { placedAsOfStart } from './stable-page.js';

export interface PageStartOptions {
  readonly search: Search;
  readonly changesSince: ChangesSincePaging;
  readonly field: string;
  readonly descending: boolean;
  /** Loads the current object. */
  readonly load: (r: string) => Promise<StoredObject | undefined>;
}

/** Attempts for an object that changes while its history is read. */
const maxAttempts = 5;

/**
 * The place after which a page begins. A value too long for the token is looked up in its object as
 * of the start of the paging. Throws 410 if it is unknown.
 */
export async function startOf(token: PageToken, options: PageStartOptions): Promise<PageStart> {
  const { r, value, back } = token;
  if (value.kind === 'whole') return { place: { r, value: value.value }, back };
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    await options.changesSince.catchUp();
    const found = await lookUpValue(r, options);
    if (isLongValue(value, found)) return { place: { r, value: found }, back };
    if (found === undefined) break;
  }
  return { place: { r, value: await besideDeleted(r, value, options) }, back };
}

async function lookUpValue(
  r: string,
  { load, changesSince, field }: PageStartOptions,
): Promise<JsonValue | undefined> {
  const object = await load(r);
  if (!object || object.deleted) return undefined;
  const before = await changesSince.asOfStart(object);
  return before && valueAt(before.data, field);
}

/**
 * The approximate place of a deleted object with a known prefix: between the same neighbours,
 * unless other values start with the prefix. Throws 410 if they do, or if the value was not a text.
 */
async function besideDeleted(
  r: string,
  { prefix }: LongValue,
  options: PageStartOptions,
): Promise<JsonValue> {
  const { search, changesSince, descending } = options;
  if (prefix === undefined) throw fail('position.gone');
  const isAlike = (value: JsonValue | undefined) =>
    typeof value === 'string' && value !== prefix && value.startsWith(prefix);
  // After the prefix itself, and before everything that continues it.
  const value = `${prefix}\0`;
  const start = { place: { r, value }, back: descending };
  const { hits } = await search.scan({ start, skip: 0, limit: 1 });
  const others = await placedAsOfStart(search, changesSince);
  if ([...hits, ...others].some(({ place }) => isAlike(place.value))) throw fail('position.gone');
  return value;
}
