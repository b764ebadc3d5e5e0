import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Auth, fieldsOfRql, type RqlExpression, type SortPosition } from '@really/protocol';
import { batchedLookups } from '../model/lookups/batched-lookups.js';
import type { LookupFinder, ReadLookups } from '../model/lookups/lookup.js';
import type { Model } from '../model/model.js';
import { mayHide, pushLookups } from '../model/view/view.js';
import { estimateBytes } from '../objects/estimate-bytes.js';
import { judgedAgain, type NewestObjects, newestOf } from '../objects/judged-again.js';
import type { Objects } from '../objects/objects.js';
import type { Limits } from '../platform/limits.js';
import type { Platform } from '../platform/platform.js';
import { Slice } from '../platform/scheduling/slices.js';
import { compareSortPositions, sortFields, sortPositionOf } from '../store/order.js';
import type { Store } from '../store/store.js';
import type { Order, Query, Scope } from '../store/store-reads.js';
import type { StoredObject } from '../store/stored-object.js';
import {
  type AccessScope,
  accessScopeIn,
  accessScopeOf,
  asVisible,
  authorizedTogether,
  type VisibleObject,
  visibleObjects,
} from './access-scope.js';
import { CollectionRights, collectionROf } from './collection-rights.js';
import type { CandidateOptions } from './lookup-candidates.js';
import { NearestHits } from './nearest-hits.js';
import type { PageStart } from './page-tokenizer.js';
import { QueryTimeBudget, type QueryTimeServices } from './query-time-budget.js';
import { SteppedFilter } from './stepped-filter.js';

/** Dependencies of a search. */
export interface SearchServices extends Pick<QueryTimeServices, 'queryLimiter'> {
  readonly store: Store;
  /** `published` may be left out where the store shows only what is published. */
  readonly objects: Pick<Objects, 'heads'> & Partial<Pick<Objects, 'published'>> & NewestObjects;
  readonly platform: Platform;
  readonly limits: Pick<Limits, 'queryTime'>;
}

export interface SearchOptions {
  readonly services: SearchServices;
  /** The reader's rights. */
  readonly auth: Auth;
  /** Where lookups are found; by default as committed. */
  readonly finder?: LookupFinder | undefined;
  /** See `ownerOf`. */
  readonly owner: string;
  readonly model: Model;
  readonly scope: Scope;
  readonly filter: RqlExpression | undefined;
  readonly order: Order;
}

export interface PageOptions {
  readonly start: PageStart | undefined;
  readonly skip: number;
  readonly limit: number;
  /** Approximate size of a page at which it ends before the limit. */
  readonly bytes?: number | undefined;
}

/** Hits from a start on, nearest first. */
export interface Scan {
  readonly hits: readonly Hit[];
  /** Everything up to this place was scanned; `undefined`: everything. */
  readonly end: SortPosition | undefined;
}

/** A found object and its place in the order, both as its reader sees them. */
export interface Hit extends VisibleObject {
  readonly place: SortPosition;
}

/** A range of an order that the store can scan. */
type ScanRange = Pick<Query, 'filter' | 'order' | 'from'>;

/** A part of an order that was read: after `from`, up to `end`. */
type ReadRange = Pick<ScanRange, 'order' | 'from'> & { readonly end?: SortPosition | undefined };

/** Objects per read when they have to be authorized one by one. */
const batchSize = 256;
/** Approximate characters of JSON per read: parsing the result blocks this thread. */
const batchCharacters = 1024 * 1024;

const unlimited = Number.POSITIVE_INFINITY;

/**
 * A query as one reader sees it. The store evaluates as much as possible: everything if a filter
 * expresses the rights, everything but the rights if they have to be checked per object, and only
 * the scan if fields may be hidden. Rejects with `QueryTimeout` when the time budget is used up.
 */
export class Search {
  /** The remaining time budget. */
  readonly time: QueryTimeBudget;
  readonly #options: SearchOptions;
  readonly #rights: CollectionRights;
  /** Those that it filters and sorts by. */
  readonly #fields: readonly string[];
  #access: AccessScope;
  #isRefined = false;
  readonly #filter: SteppedFilter;
  /** The store's filter, cached by the rule it was made of. */
  #known:
    | { readonly rule: RqlExpression | undefined; readonly filter: RqlExpression | undefined }
    | undefined;

  constructor(options: SearchOptions) {
    const { model, auth, services, owner, filter, order } = options;
    this.#options = options;
    this.#filter = new SteppedFilter(filter);
    this.time = new QueryTimeBudget(services, owner);
    const filtered = filter ? fieldsOfRql(filter).map((path) => path.join('.')) : [];
    this.#fields = [...filtered, ...sortFields(order)];
    this.#rights = new CollectionRights({
      ...options,
      fields: this.#fields,
      readCandidates: (query) => this.#readCandidates(query),
    });
    this.#access = accessScopeOf(model, auth, this.#fields);
  }

  async #readCandidates(query: Parameters<CandidateOptions['read']>[0]) {
    const room = { size: batchCharacters, isCut: false };
    const { store } = this.#options.services;
    const objects = await store.query({ ...query, order: byId, room, ...this.time.patience });
    return room.isCut ? undefined : objects;
  }

  /** Counts the objects that the reader would find. */
  async count(): Promise<number> {
    return await this.#whileSame(() => this.#count());
  }

  async #count(): Promise<number> {
    if (this.#access.isEmpty) return 0;
    if (this.#access.isExact) {
      const { scope, services } = this.#options;
      const query = { scope, filter: this.#storeFilter(), order: byId, limit: 0 };
      const total = await services.store.count({ ...query, ...this.time.patience });
      await this.#settled();
      if (await this.#rights.areSame()) return total;
      // Some of it may have been committed after they changed.
      await this.#refineAccess();
      if (this.#access.isEmpty) return 0;
    }
    let total = 0;
    const range = { filter: this.#storeFilter(), order: byId };
    for await (const hits of this.#hits(range)) total += hits.length;
    return total;
  }

  /** One page in the order of the query. */
  async page(options: PageOptions): Promise<Hit[]> {
    const { hits } = await this.scan(options);
    return options.start?.back ? hits.toReversed() : [...hits];
  }

  /** One page, nearest to the start first. */
  async scan(options: PageOptions): Promise<Scan> {
    return await this.#whileSame(() => this.#scan(options));
  }

  /**
   * Searches with the current rights. If only candidates were looked at, and others have become some meanwhile, it is
   * done again: nobody may miss what every commit would have shown. So it is if the store sorted by a field that was
   * visible, and it does not the next time.
   */
  async #whileSame<T>(search: () => Promise<T>): Promise<T> {
    const searchNow = async ({ mayDecideFields }: { mayDecideFields: boolean }) => {
      await this.#refineAccess(mayDecideFields);
      return await search();
    };
    return await judgedAgain({ mayDecideFields: true }, searchNow, async () => {
      const { showsFields, candidates } = this.#rights.found;
      if (!showsFields && !candidates) return undefined;
      if (this.#access.isEmpty || (await this.#rights.areSame())) return undefined;
      return { mayDecideFields: false };
    });
  }

  async #scan(options: PageOptions): Promise<Scan> {
    if (this.#access.isEmpty) return { hits: [], end: undefined };
    const { order } = this.#options;
    const { start } = options;
    const mayBeHidden = this.#access.mayHideFields && sortFields(order).length > 0;
    if (mayBeHidden) return await this.#scanSorted(options);
    // Paging back, nearest first.
    const nearest: Order = { keys: order.keys, reversed: start?.back === true };
    const range = { filter: this.#storeFilter(), order: nearest, from: start?.place };
    return await this.#gather(range, options);
  }

  /** The objects that the query matches, with their places. */
  async findAmong(objects: readonly StoredObject[]): Promise<Hit[]> {
    if (this.#access.isEmpty) return [];
    return await this.#matches(await this.#authorize(objects));
  }

  /** The places that their reader sees. Invisible objects sort as if they had no value. */
  async placesOf(objects: readonly StoredObject[]): Promise<SortPosition[]> {
    const { order } = this.#options;
    if (!this.#mayHideFields) return objects.map((object) => sortPositionOf(object, order));
    const visible = await this.#authorize(objects);
    const seen = new Map(visible.map((one) => [one.object, asVisible(one)]));
    return objects.map((object) =>
      sortPositionOf(seen.get(object) ?? { ...object, data: {} }, order),
    );
  }

  /** Below 0 if a page that begins at `start` reaches `a` first. */
  compare(start: PageStart | undefined, a: SortPosition, b: SortPosition): number {
    return (start?.back ? -1 : 1) * compareSortPositions(this.#options.order, a, b);
  }

  /**
   * Adjusts the scope to the objects that the read rule looks at, and to mistyped stored values.
   * `mayDecideFields`: what lookups find now may decide that the fields of the query are visible.
   */
  async #refineAccess(mayDecideFields = this.#rights.found.showsFields): Promise<void> {
    // The same as before, because the store caches by filter object.
    const isSameDecision = mayDecideFields || !this.#rights.found.showsFields;
    if (this.#isRefined && isSameDecision && (await this.#rights.areSame())) return;
    const { model, services, auth } = this.#options;
    const found = await this.#rights.find(mayDecideFields);
    this.#isRefined = true;
    this.#access = accessScopeOf(model, auth, this.#fields, found);
    this.#access = await accessScopeIn(this.#access, model, services.store);
  }

  /** The read rule, and the client's filter unless it might use hidden fields. */
  #storeFilter(): RqlExpression | undefined {
    const { rule, mayHideFields } = this.#access;
    if (mayHideFields) return rule;
    // Cached, because the store caches by filter object.
    if (!this.#known || this.#known.rule !== rule) {
      const { filter: own } = this.#options;
      const filter: RqlExpression | undefined =
        rule && own ? { kind: 'and', left: rule, right: own } : (rule ?? own);
      this.#known = { rule, filter };
    }
    return this.#known.filter;
  }

  /** Collects visible hits until the page is full. */
  async #gather(range: ScanRange, { skip, limit, bytes = unlimited }: PageOptions): Promise<Scan> {
    const found: Hit[] = [];
    let size = 0;
    // With an exact scope the store can skip by itself.
    const { isExact } = this.#access;
    let toSkip = isExact ? 0 : skip;
    const wanted = Math.min(isExact ? limit : Math.max(skip + limit, 16), batchSize);
    for await (const hits of this.#hits(range, { wanted, skip: isExact ? skip : 0 })) {
      for (const hit of hits.slice(toSkip)) {
        found.push(hit);
        size += estimateBytes(hit.object.data);
        if (found.length >= limit || size >= bytes) return { hits: found, end: hit.place };
      }
      toSkip = Math.max(0, toSkip - hits.length);
    }
    return { hits: found, end: undefined };
  }

  /**
   * A page in an order that the store must not sort by: scans everything, and keeps what may belong
   * to the page. Only places are kept with a skip, which may be long, and of large objects.
   */
  async #scanSorted({ start, skip, limit, bytes = unlimited }: PageOptions): Promise<Scan> {
    const compare = (a: SortPosition, b: SortPosition) => this.compare(start, a, b);
    const room = { most: skip + limit, bytes: skip === 0 ? bytes : 0 };
    const nearest = new NearestHits<Hit>({ compare, ...room });
    for await (const hits of this.#hits({ filter: this.#storeFilter(), order: byId })) {
      for (const hit of hits) {
        if (!start || compare(start.place, hit.place) < 0) nearest.add(hit);
      }
    }
    const { best, end } = nearest.result();
    if (nearest.keepsHits) return { hits: best.flatMap(({ hit }) => hit ?? []), end };
    return await this.#reload(best.slice(skip), { bytes, end });
  }

  /** The current objects at these places that still match, up to about so many bytes. */
  async #reload(
    page: readonly Pick<Hit, 'place'>[],
    { bytes, end }: { readonly bytes: number; readonly end: SortPosition | undefined },
  ): Promise<Scan> {
    const hits: Hit[] = [];
    let size = 0;
    for (let index = 0; index < page.length; ) {
      const batch = await this.#reloadBatch(page, index);
      index = batch.next;
      for (const hit of batch.hits) {
        hits.push(hit);
        size += estimateBytes(hit.object.data);
        const isLast = index === page.length && hit === batch.hits.at(-1);
        if (size >= bytes && !isLast) return { hits, end: hit.place };
      }
    }
    return { hits, end };
  }

  /** From an index on: one after the other, since each may be a megabyte. */
  async #reloadBatch(page: readonly Pick<Hit, 'place'>[], first: number) {
    const { objects, platform } = this.#options.services;
    const slice = new Slice(platform.clock);
    const found = new Map<string, StoredObject>();
    let next = first;
    for (let size = 0; size < batchCharacters && next - first < authorizedTogether; next++) {
      const candidate = page[next];
      if (!candidate) break;
      const [head] = await objects.heads([candidate.place.r]);
      if (head && !head.deleted) found.set(head.r, head);
      size += estimateBytes(head?.data);
      if (slice.isOver) await slice.rest();
    }
    const judged = await this.#judged([...found.values()], { order: byId });
    const byR = new Map(judged.map((hit) => [hit.object.r, hit]));
    const hits = page.slice(first, next).flatMap(({ place }) => {
      const hit = byR.get(place.r);
      return hit ? [{ ...hit, place }] : [];
    });
    return { hits, next };
  }

  /** The matching visible objects of a range, in batches. */
  async *#hits(range: ScanRange, { wanted = batchSize, skip = 0 } = {}): AsyncGenerator<Hit[]> {
    let page: Pick<Query, 'from' | 'skip'> = { from: range.from, skip };
    for (;;) {
      const room = { size: batchCharacters, isCut: false };
      const objects = await this.#query({ ...range, ...page, limit: wanted, room });
      const isLast = objects.length < wanted && !room.isCut;
      const last = objects.at(-1);
      const end = last && sortPositionOf(last, range.order);
      const read = { order: range.order, from: page.from, end: isLast ? undefined : end };
      yield await this.#judged(objects, read);
      if (isLast || end === undefined) return;
      page = { from: end };
      // Authorization runs on this thread: yields in between.
      await nextTurn();
    }
  }

  /**
   * The matching visible objects of those that were read in a range. What changed of them meanwhile is judged as it is
   * now: see `judgedAgain`.
   */
  async #judged(objects: readonly StoredObject[], range: ReadRange): Promise<Hit[]> {
    const found = new Map<string, Hit>();
    let hasChanged = false;
    const judge = async (some: readonly StoredObject[]): Promise<void> => {
      const visible = await this.#authorize(some);
      const hits = await (hasChanged ? this.#matches(visible) : this.#matching(visible));
      for (const hit of hits) found.set(hit.object.r, hit);
    };
    await judgedAgain(objects, judge, (some) => {
      const changed = this.#changedSince(some);
      if (changed.length === 0) return undefined;
      hasChanged = true;
      for (const { r } of changed) found.delete(r);
      return changed.filter((object) => !object.deleted && isInRange(object, range));
    });
    const hits = [...found.values()];
    if (!hasChanged) return hits;
    const { order } = range;
    const placeIn = ({ object }: Hit) => sortPositionOf(object, order);
    return hits.sort((a, b) => compareSortPositions(order, placeIn(a), placeIn(b)));
  }

  /** What was committed of these objects since they were read, if their rights depend on other objects. */
  #changedSince(objects: readonly StoredObject[]): StoredObject[] {
    const { model, services } = this.#options;
    if (pushLookups(model).length === 0 || this.#access.isWhole) return [];
    return objects.flatMap((object) => {
      const newest = newestOf(services.objects, object);
      return newest === object ? [] : newest;
    });
  }

  /** The visible objects. In small batches, so that slow scripts cannot exceed the time budget. */
  async #authorize(objects: readonly StoredObject[]): Promise<VisibleObject[]> {
    const { auth, model, services } = this.#options;
    await this.#settled();
    if (this.#access.isWhole && (await this.#rights.areSame())) {
      return objects.map((object) => ({ object, hidden: [] }));
    }
    // What was looked up for earlier objects may have changed since.
    const finder = this.#options.finder ?? this.#finder();
    const allowed = await this.#rights.allowedCollections(objects, finder);
    const rest = allowed ? objects.filter(({ r }) => allowed.has(collectionROf(r))) : objects;
    if (allowed && !mayHide(model)) return rest.map((object) => ({ object, hidden: [] }));
    const visible: VisibleObject[] = [];
    const slice = new Slice(services.platform.clock);
    for (let index = 0; index < rest.length; index += authorizedTogether) {
      // Throws when the time is used up.
      void this.time.left;
      const batch = rest.slice(index, index + authorizedTogether);
      visible.push(...(await visibleObjects(model, batch, auth, finder)));
      if (slice.isOver) await slice.rest();
    }
    return visible;
  }

  /** Objects that are looked at are paid with the query's time, and others have their turn in between. */
  #finder(): LookupFinder {
    const { model, services } = this.#options;
    const { clock } = services.platform;
    const slice = new Slice(clock);
    const read: ReadLookups = async (rs) => {
      const begun = clock.monotonic();
      const objects = await model.readLookups(rs);
      this.time.spend(clock.monotonic() - begun);
      return objects;
    };
    return {
      read: batchedLookups(read, {
        bytesOf: ({ data }) => estimateBytes(data),
        pause: () => (slice.isOver ? slice.rest() : undefined),
      }),
    };
  }

  /**
   * The store may show a commit a moment before it is answered, and before lookups see it: what was read is authorized by
   * what was committed with it.
   */
  async #settled(): Promise<void> {
    const { model, services } = this.#options;
    if (pushLookups(model).length > 0) await services.objects.published?.();
  }

  /** Also of fields that may have been hidden since the store filtered by them. */
  get #mayHideFields(): boolean {
    return this.#access.mayHideFields || this.#rights.found.showsFields;
  }

  async #matching(visible: readonly VisibleObject[]): Promise<Hit[]> {
    return this.#mayHideFields
      ? await this.#matches(visible)
      : visible.map((visibleObject) => this.#hit(visibleObject));
  }

  /** The objects that the filter matches; long filters on long lists take time. */
  async #matches(visible: readonly VisibleObject[]): Promise<Hit[]> {
    const hits: Hit[] = [];
    const { clock } = this.#options.services.platform;
    const slice = new Slice(clock);
    let begun = clock.monotonic();
    for (const _ of this.#matchSteps(visible, hits)) {
      if (!slice.isOver) continue;
      this.time.spend(clock.monotonic() - begun);
      // Throws when the time is used up.
      void this.time.left;
      await slice.rest();
      begun = clock.monotonic();
    }
    this.time.spend(clock.monotonic() - begun);
    return hits;
  }

  *#matchSteps(visible: readonly VisibleObject[], hits: Hit[]): Generator<undefined> {
    for (const visibleObject of visible) {
      const { r, rev, data } = asVisible(visibleObject);
      const body = { ...data, _r: r, _rev: rev };
      if (yield* this.#filter.steps(body)) hits.push(this.#hit(visibleObject));
      yield;
    }
  }

  #hit(visible: VisibleObject): Hit {
    return { ...visible, place: sortPositionOf(asVisible(visible), this.#options.order) };
  }

  async #query(part: Omit<Query, 'scope' | 'timeout' | 'requester'>): Promise<StoredObject[]> {
    const { scope, services } = this.#options;
    const { below } = this.#access;
    return await services.store.query({ ...part, scope, below, ...this.time.patience });
  }
}

/** The store's fastest order. */
const byId: Order = { keys: [{ field: '_r', descending: true }] };

function isInRange(object: StoredObject, { order, from, end }: ReadRange): boolean {
  const place = sortPositionOf(object, order);
  if (from && compareSortPositions(order, place, from) <= 0) return false;
  return !end || compareSortPositions(order, place, end) <= 0;
}
