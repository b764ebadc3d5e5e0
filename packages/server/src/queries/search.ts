import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Auth, compilePredicate, type Predicate, type RqlExpression } from '@really/protocol';
import type { Model } from '../model/model.js';
import { estimateBytes } from '../objects/estimate-bytes.js';
import type { Objects } from '../objects/objects.js';
import type { Limits } from '../platform/limits.js';
import type { Platform } from '../platform/platform.js';
import { Slice } from '../platform/scheduling/slices.js';
import { compareSortPositions, sortPositionOf } from '../store/order.js';
import type { Order, Query, Scope, SortPosition, Store, StoredObject } from '../store/store.js';
import {
  type AccessScope,
  accessScopeIn,
  accessScopeOf,
  asVisible,
  authorizedTogether,
  type VisibleObject,
  visibleObjects,
} from './access-scope.js';
import type { PageStart } from './page-tokenizer.js';
import { QueryTimeBudget } from './query-time-budget.js';
import { allOf, type ScanRange, scanRanges } from './scan-ranges.js';

/** What a search works with. */
export interface SearchServices {
  readonly store: Store;
  readonly objects: Pick<Objects, 'heads'>;
  readonly platform: Platform;
  readonly limits: Pick<Limits, 'queryTime'>;
}

export interface SearchOptions {
  readonly services: SearchServices;
  /** Of the reader. */
  readonly auth: Auth;
  /** Whose turn it takes: see `ownerOf`. */
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
  /** What a page is to have, about, where that is less than the limit. */
  readonly bytes?: number | undefined;
}

/** What was found from a start on, nearest first. */
export interface Scan {
  readonly hits: readonly Hit[];
  /** All up to this place were looked at; `undefined`: all there are. */
  readonly end: SortPosition | undefined;
}

/** An object of a result, and its place in the order, as its reader sees both. */
export interface Hit extends VisibleObject {
  readonly place: SortPosition;
}

/** What may get into a page. */
interface Candidate {
  readonly place: SortPosition;
  readonly hit?: Hit | undefined;
}

/** Objects that are loaded at a time where they have to be judged one by one. */
const chunk = 256;
/** Characters of JSON that these have, about: to read what one query of the store found is one piece of work of this thread. */
const chunkSize = 1024 * 1024;

/**
 * One query as one reader sees it. The store does as much of it as it may: all of it where a filter
 * says what the reader may see, all but the rights where these have to be judged object by object, and only the
 * listing where fields may be hidden. Rejects with `QueryTimeout` once the time of a query is used up.
 */
export class Search {
  /** What it has left of its time. */
  readonly time: QueryTimeBudget;
  readonly #options: SearchOptions;
  #access: AccessScope;
  #predicate: Predicate | undefined;
  /** What the store goes by, with the rule that it was made of. */
  #known:
    | { readonly rule: RqlExpression | undefined; readonly filter: RqlExpression | undefined }
    | undefined;

  constructor(options: SearchOptions) {
    const { model, auth, services, owner } = options;
    this.#options = options;
    this.time = new QueryTimeBudget(services, owner);
    this.#access = accessScopeOf(model, auth);
  }

  /** How many objects the reader would find. */
  async count(): Promise<number> {
    if (this.#access.isEmpty) return 0;
    await this.#refineAccess();
    const { scope, services } = this.#options;
    const filter = this.#storeFilter();
    if (this.#access.isExact) {
      const { patience } = this.time;
      return await services.store.count({ scope, filter, order: byId, limit: 0, ...patience });
    }
    let total = 0;
    for await (const hits of this.#hits([{ filter, order: byId }])) total += hits.length;
    return total;
  }

  /** One page, in the order of the query. */
  async page(options: PageOptions): Promise<Hit[]> {
    const { hits } = await this.scan(options);
    return options.start?.back ? hits.toReversed() : [...hits];
  }

  /** A page as it is walked to: nearest to the start first. */
  async scan(options: PageOptions): Promise<Scan> {
    if (this.#access.isEmpty) return { hits: [], end: undefined };
    await this.#refineAccess();
    const { order } = this.#options;
    const mayBeHidden =
      this.#access.mayHideFields && order.field !== '_r' && order.field !== '_rev';
    if (mayBeHidden) return await this.#scanSorted(options);
    return await this.#gather(scanRanges(order, this.#storeFilter(), options.start), options);
  }

  /** Those of the objects that are found, with the places that they have here. */
  async findAmong(objects: readonly StoredObject[]): Promise<Hit[]> {
    if (this.#access.isEmpty) return [];
    return await this.#matches(await this.#authorize(objects));
  }

  /** The places of objects as their reader sees them. Of one that may not be seen at all it is that of what has no value. */
  async placesOf(objects: readonly StoredObject[]): Promise<SortPosition[]> {
    const { order } = this.#options;
    if (!this.#access.mayHideFields) return objects.map((object) => sortPositionOf(object, order));
    const visible = new Map(
      (await this.#authorize(objects)).map((visibleObject) => [
        visibleObject.object,
        visibleObject,
      ]),
    );
    return objects.map((object) => {
      const visibleObject = visible.get(object);
      return visibleObject
        ? this.#placeOf(visibleObject)
        : sortPositionOf({ ...object, data: {} }, order);
    });
  }

  #placeOf(visible: VisibleObject): SortPosition {
    return sortPositionOf(asVisible(visible), this.#options.order);
  }

  /** Below 0 where a page that begins at `start` comes by `a` first. */
  compare(start: PageStart | undefined, a: SortPosition, b: SortPosition): number {
    return (start?.back ? -1 : 1) * compareSortPositions(this.#options.order, a, b);
  }

  /** How far the reach goes among what is stored. */
  async #refineAccess(): Promise<void> {
    const { model, services } = this.#options;
    this.#access = await accessScopeIn(this.#access, model, services.store);
  }

  /** What the store may go by: the read rule, and of the client's filter what cannot ask for hidden fields. */
  #storeFilter(): RqlExpression | undefined {
    const { rule, mayHideFields } = this.#access;
    if (mayHideFields) return rule;
    // The same one each time: what was made of it for the store serves again.
    if (this.#known?.rule !== rule || !this.#known) {
      this.#known = { rule, filter: allOf(rule, this.#options.filter) };
    }
    return this.#known.filter;
  }

  /** As many as the page holds of those that the reader may see. */
  async #gather(
    ranges: readonly ScanRange[],
    { skip, limit, bytes = Number.POSITIVE_INFINITY }: PageOptions,
  ): Promise<Scan> {
    const found: Hit[] = [];
    let size = 0;
    // Where the store finds just what may be seen, it can skip, too.
    const { isExact } = this.#access;
    let toSkip = isExact ? 0 : skip;
    const wanted = Math.min(isExact ? limit : Math.max(skip + limit, 16), chunk);
    for await (const hits of this.#hits(ranges, { wanted, skip: isExact ? skip : 0 })) {
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
   * The page of an order that the store must not sort by: everything is looked at, and only what may still get into the
   * page is kept. That is as it was when it was judged; after a skip, which may be long, only its place is kept.
   */
  async #scanSorted({ start, skip, limit }: PageOptions): Promise<Scan> {
    const compare = (a: Candidate, b: Candidate) => this.compare(start, a.place, b.place);
    const from: Candidate | undefined = start;
    const wanted = skip + limit;
    let best: Candidate[] = [];
    let end: SortPosition | undefined;
    const keepBest = () => {
      best.sort(compare);
      if (best.length <= wanted) return;
      best = best.slice(0, wanted);
      end = best.at(-1)?.place;
    };
    for await (const hits of this.#hits([{ filter: this.#storeFilter(), order: byId }])) {
      for (const hit of hits) {
        const candidate: Candidate = skip === 0 ? { place: hit.place, hit } : { place: hit.place };
        if (!from || compare(from, candidate) < 0) best.push(candidate);
      }
      if (best.length > 2 * wanted) keepBest();
    }
    keepBest();
    const page = best.slice(skip);
    const hits = skip === 0 ? page.flatMap(({ hit }) => hit ?? []) : await this.#reload(page);
    return { hits, end };
  }

  /** The objects at these places, as they are now, of those that are still found. */
  async #reload(page: readonly Candidate[]): Promise<Hit[]> {
    const { objects } = this.#options.services;
    const byR = new Map<string, Hit>();
    for (let index = 0; index < page.length; index += authorizedTogether) {
      const some = page.slice(index, index + authorizedTogether);
      const heads = await objects.heads(some.map(({ place }) => place.r));
      const living = heads.filter((object) => object !== undefined && !object.deleted);
      const hits = await this.#matching(await this.#authorize(living as StoredObject[]));
      for (const hit of hits) byR.set(hit.object.r, hit);
    }
    return page.flatMap(({ place }) => {
      const hit = byR.get(place.r);
      return hit ? [{ ...hit, place }] : [];
    });
  }

  /** What the reader may see of each stretch in turn, and what matches of that, some objects at a time. */
  async *#hits(
    ranges: readonly ScanRange[],
    { wanted = chunk, skip = 0 } = {},
  ): AsyncGenerator<Hit[]> {
    for (const range of ranges) {
      let page: Pick<Query, 'from' | 'skip'> = { from: range.from, skip };
      for (;;) {
        const room = { size: chunkSize, isCut: false };
        const objects = await this.#query({ ...range, ...page, limit: wanted, room });
        yield await this.#matching(await this.#authorize(objects));
        const last = objects.at(-1);
        if (!last || (objects.length < wanted && !room.isCut)) break;
        page = { from: sortPositionOf(last, range.order) };
        // Judging is work of this thread: others get their turn in between.
        await nextTurn();
      }
    }
  }

  /** What the reader may see of these, a few at a time, so that slow scripts can not hold a query beyond its time. */
  async #authorize(objects: readonly StoredObject[]): Promise<VisibleObject[]> {
    const { auth, model, services } = this.#options;
    const visible: VisibleObject[] = [];
    const slice = new Slice(services.platform.clock);
    for (let index = 0; index < objects.length; index += authorizedTogether) {
      // Throws where it is used up.
      void this.time.left;
      const some = objects.slice(index, index + authorizedTogether);
      visible.push(...(await visibleObjects(model, some, auth)));
      if (slice.isOver) await slice.rest();
    }
    return visible;
  }

  async #matching(visible: readonly VisibleObject[]): Promise<Hit[]> {
    return this.#access.mayHideFields
      ? await this.#matches(visible)
      : visible.map((visibleObject) => this.#hit(visibleObject));
  }

  /** Those that the filter finds: a long one takes long with objects that have long lists. */
  async #matches(visible: readonly VisibleObject[]): Promise<Hit[]> {
    const hits: Hit[] = [];
    const slice = new Slice(this.#options.services.platform.clock);
    for (const one of visible) {
      const { r, rev, data } = asVisible(one);
      if (this.#judges({ ...data, _r: r, _rev: rev })) hits.push(this.#hit(one));
      if (!slice.isOver) continue;
      // Throws where the time is used up.
      void this.time.left;
      await slice.rest();
    }
    return hits;
  }

  #hit(visible: VisibleObject): Hit {
    return { ...visible, place: this.#placeOf(visible) };
  }

  async #query(part: Omit<Query, 'scope' | 'timeout' | 'asker'>): Promise<StoredObject[]> {
    const { scope, services } = this.#options;
    return await services.store.query({ ...part, scope, ...this.time.patience });
  }

  /** Mostly the store judges by the filter, and nobody else. */
  get #judges(): Predicate {
    const { filter } = this.#options;
    this.#predicate ??= filter ? compilePredicate(filter) : () => true;
    return this.#predicate;
  }
}

/** The order that the store walks fastest. */
const byId: Order = { field: '_r', descending: true };
