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
  /** The object as it is now. */
  readonly load: (r: string) => Promise<StoredObject | undefined>;
}

/** Looks at an object that changes faster than what happened to it is read. */
const maxAttempts = 5;

/**
 * The place that a token goes on from. A value that was too long for it is looked up in its object, as that was when the walk
 * began. Throws 410 where nobody knows it any more.
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
  const was = await changesSince.asOfStart(object);
  return was && valueAt(was.data, field);
}

/**
 * A place beside that of an object that was deleted, of whose text the beginning is known: between the same
 * neighbours, unless there are others that begin so. Throws 410 where there are, or where it was no text.
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
  // Behind the text that ends with the prefix, and before all that go on after it.
  const value = `${prefix}\0`;
  const start = { place: { r, value }, back: descending };
  const { hits } = await search.scan({ start, skip: 0, limit: 1 });
  const others = await placedAsOfStart(search, changesSince);
  if ([...hits, ...others].some(({ place }) => isAlike(place.value))) throw fail('position.gone');
  return value;
}
