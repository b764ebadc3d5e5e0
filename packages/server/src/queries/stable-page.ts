import type { StoredObject } from '../store/store.js';
import type { ChangesSincePaging } from './changes-since-paging.js';
import type { PageStart } from './page-tokenizer.js';
import type { Hit, PageOptions, Search } from './search.js';

/**
 * One page of a walk in the order of a field, by the places that the objects had when the walk began:
 * what was not written since is found in the store, and what was is put where it stood (rule REA7).
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
    // What is skipped may have moved, so that the store can not skip it.
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
    start = { place: end, back: isBack(start) };
  }
}

function isBack(start: PageStart | undefined): boolean {
  return start?.back === true;
}

/** What was written since the walk began and is found now, with the places that it had then, as its reader saw it. */
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
