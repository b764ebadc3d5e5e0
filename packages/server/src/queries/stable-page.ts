import { fail, type JsonValue, type SortPosition } from '@really/protocol';
import { sortPositionOf } from '../store/order.js';
import type { Order } from '../store/store-reads.js';
import type { StoredObject } from '../store/stored-object.js';
import type { ChangesSincePaging } from './changes-since-paging.js';
import {
  isLongValue,
  type LongValue,
  type PageStart,
  type PageToken,
  type TokenValue,
} from './page-tokenizer.js';
import type { Hit, PageOptions, Search } from './search.js';

/**
 * One page in the order of a field, by the places as of the start of the paging: unchanged objects
 * are found in the store, changed ones are put where they were (rule REA7).
 */
export async function stablePage(
  search: Search,
  changesSince: ChangesSincePaging,
  options: PageOptions,
): Promise<readonly Hit[]> {
  const hits = await nearestFirst(search, changesSince, options);
  return options.start?.back ? hits.toReversed() : hits;
}

async function nearestFirst(
  search: Search,
  changesSince: ChangesSincePaging,
  options: PageOptions,
): Promise<readonly Hit[]> {
  const { limit, bytes } = options;
  let { start, skip } = options;
  await changesSince.catchUp();
  if (changesSince.size === 0) {
    const { hits } = await search.scan(options);
    await changesSince.catchUp();
    if (changesSince.size === 0) return hits;
  }
  for (;;) {
    // Skipped objects may have moved, so the store cannot skip.
    const { hits, end } = await search.scan({ start, skip: 0, limit: skip + limit, bytes });
    await changesSince.catchUp();
    const unchanged = hits.filter(({ object }) => !changesSince.has(object.r));
    const others = (await placedAsOfStart(search, changesSince)).filter(({ place }) => {
      const isAfterStart = !start || search.compare(start, start.place, place) < 0;
      return isAfterStart && (!end || search.compare(start, place, end) <= 0);
    });
    const all = [...unchanged, ...others].sort((a, b) => search.compare(start, a.place, b.place));
    const page = all.slice(skip, skip + limit);
    if (page.length > 0 || !end) return page;
    skip -= all.length;
    start = { place: end, back: start?.back === true };
  }
}

/** The matching objects changed since, with their earlier places as the reader saw them. */
async function placedAsOfStart(search: Search, changesSince: ChangesSincePaging): Promise<Hit[]> {
  const hits: Hit[] = [];
  const before: StoredObject[] = [];
  for (const hit of await search.findAmong(changesSince.objects())) {
    const object = await changesSince.asOfStart(hit.object);
    if (!object) continue;
    hits.push(hit);
    before.push(object);
  }
  const places = await search.placesOf(before);
  return hits.flatMap((hit, index) => {
    const place = places[index];
    return place ? [{ ...hit, place }] : [];
  });
}

interface PageStartOptions {
  readonly search: Search;
  readonly changesSince: ChangesSincePaging;
  readonly order: Order;
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
  const { r, values, back } = token;
  if (values.every(isWhole))
    return { place: { r, values: values.map(({ value }) => value) }, back };
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    await options.changesSince.catchUp();
    const place = await lookUpPlace(r, options);
    if (place === undefined) break;
    if (isPlaceOf(token, place)) return { place, back };
  }
  const [value] = values;
  if (value?.kind !== 'long' || values.length > 1) throw fail('position.gone');
  return { place: { r, values: [await besideDeleted(r, value, options)] }, back };
}

function isWhole(value: TokenValue): value is Extract<TokenValue, { kind: 'whole' }> {
  return value.kind === 'whole';
}

/** Whether the values that were too long for the token are those of this place. */
function isPlaceOf({ values }: PageToken, place: SortPosition): boolean {
  return values.every((value, index) => isWhole(value) || isLongValue(value, place.values[index]));
}

async function lookUpPlace(
  r: string,
  { load, changesSince, order }: PageStartOptions,
): Promise<SortPosition | undefined> {
  const object = await load(r);
  if (!object || object.deleted) return undefined;
  const before = await changesSince.asOfStart(object);
  return before && sortPositionOf(before, order);
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
  const { search, changesSince, order } = options;
  if (prefix === undefined) throw fail('position.gone');
  const isAlike = (value: JsonValue | undefined) =>
    typeof value === 'string' && value !== prefix && value.startsWith(prefix);
  // After the prefix itself, and before everything that continues it.
  const value = `${prefix}\0`;
  const start = { place: { r, values: [value] }, back: order.keys[0]?.descending === true };
  const { hits } = await search.scan({ start, skip: 0, limit: 1 });
  const others = await placedAsOfStart(search, changesSince);
  if ([...hits, ...others].some(({ place }) => isAlike(place.values[0])))
    throw fail('position.gone');
  return value;
}
