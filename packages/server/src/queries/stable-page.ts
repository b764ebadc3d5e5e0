import type { StoredObject } from '../store/stored-object.js';
import type { ChangesSincePaging } from './changes-since-paging.js';
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
export async function placedAsOfStart(
  search: Search,
  changesSince: ChangesSincePaging,
): Promise<Hit[]> {
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
