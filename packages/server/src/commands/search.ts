import { setImmediate as nextTurn } from 'node:timers/promises';
import { compilePredicate, type Predicate, type RqlExpression } from '@really/protocol';
import type { Model } from '../model/model.js';
import { comparePlaces, placeOf } from '../store/order.js';
import {
  type Order,
  type Place,
  type Query,
  QueryTimeout,
  type Scope,
  type StoredObject,
} from '../store/store.js';
import type { PageStart } from './page.js';
import { asSeen, type Judging, judgingOf, type Seen, seenBy } from './readers-view.js';
import type { CommandContext } from './services.js';
import { type Stretch, stretchesOf } from './walk.js';

export interface SearchOptions {
  readonly context: CommandContext;
  readonly model: Model;
  readonly scope: Scope;
  readonly filter: RqlExpression | undefined;
  readonly order: Order;
}

export interface PageOptions {
  readonly start: PageStart | undefined;
  readonly skip: number;
  readonly limit: number;
}

/** An object of a result, and its place in the order, as its reader sees both. */
export interface Hit extends Seen {
  readonly place: Place;
}

/** Objects that are loaded and judged at a time where they have to be judged one by one. */
const chunk = 256;

/**
 * One query as one reader sees it. The store does as much of it as it may: all of it where everybody
 * sees everything, all but the rights where these decide on whole objects, and only the listing where fields may
 * be hidden. Rejects with `QueryTimeout` once the time of a query is used up.
 */
export class Search {
  readonly #options: SearchOptions;
  readonly #judging: Judging;
  readonly #matches: Predicate;
  #deadline: number | undefined;

  constructor(options: SearchOptions) {
    const { model, filter } = options;
    this.#options = options;
    this.#judging = judgingOf(model);
    this.#matches = filter ? compilePredicate(filter) : () => true;
  }

  /** How many objects the reader would find. */
  async count(): Promise<number> {
    if (this.#judging === 'everything') return 0;
    const { scope, filter, context } = this.#options;
    if (this.#judging === 'nothing') {
      const timeout = this.#timeLeft();
      return await context.services.store.count({ scope, filter, order: byId, limit: 0, timeout });
    }
    let total = 0;
    for await (const hits of this.#hits([this.#listing(byId)])) total += hits.length;
    return total;
  }

  /** One page, in the order of the query. */
  async page(options: PageOptions): Promise<Hit[]> {
    if (this.#judging === 'everything') return [];
    const { order, filter } = this.#options;
    const inStore = this.#judging !== 'fields' || order.field === '_r' || order.field === '_rev';
    if (!inStore) return await this.#sortedHere(options);
    const storeFilter = this.#judging === 'fields' ? undefined : filter;
    const stretches = stretchesOf(order, storeFilter, options.start);
    const found = await (this.#judging === 'nothing'
      ? this.#fetch(stretches, options)
      : this.#gather(stretches, options));
    return options.start?.back ? found.reverse() : found;
  }

  /** The page as the store gives it. */
  async #fetch(stretches: readonly Stretch[], { skip, limit }: PageOptions): Promise<Hit[]> {
    const found: Hit[] = [];
    for (const stretch of stretches) {
      const rest = limit - found.length;
      if (rest === 0) break;
      for (const object of await this.#query({ ...stretch, skip, limit: rest })) {
        found.push(this.#hit({ object, hidden: [] }));
      }
    }
    return found;
  }

  /** As many as the page holds of those that the reader may see. */
  async #gather(stretches: readonly Stretch[], { skip, limit }: PageOptions): Promise<Hit[]> {
    const found: Hit[] = [];
    let skipped = 0;
    for await (const hits of this.#hits(stretches, skip + limit)) {
      const skippedHere = Math.min(skip - skipped, hits.length);
      skipped += skippedHere;
      for (const hit of hits.slice(skippedHere)) found.push(hit);
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  /**
   * The page of an order that the store must not sort by: everything is looked at, and only what may
   * still get into the page is kept.
   */
  async #sortedHere({ start, skip, limit }: PageOptions): Promise<Hit[]> {
    const { order } = this.#options;
    const sign = start?.back ? -1 : 1;
    const compare = (a: Place, b: Place) => sign * comparePlaces(order, a, b);
    const wanted = skip + limit;
    let best: Place[] = [];
    const keepBest = () => {
      best = best.sort(compare).slice(0, wanted);
    };
    for await (const hits of this.#hits([this.#listing(byId)])) {
      for (const { place } of hits) {
        if (!start || compare(start.place, place) < 0) best.push(place);
      }
      if (best.length > 2 * wanted) keepBest();
    }
    keepBest();
    const found = await this.#reload(best.slice(skip));
    return start?.back ? found.reverse() : found;
  }

  /** The objects at these places, as they are now. */
  async #reload(places: readonly Place[]): Promise<Hit[]> {
    const { context, model } = this.#options;
    const objects = await context.services.objects.heads(places.map(({ r }) => r));
    const living = objects.filter((object) => object !== undefined && !object.deleted);
    const seen = await seenBy(model, living as StoredObject[], context.auth);
    const byR = new Map(seen.map((one) => [one.object.r, one]));
    return places.flatMap((place) => {
      const one = byR.get(place.r);
      return one ? [{ ...one, place }] : [];
    });
  }

  #listing(order: Order): Stretch {
    return { order, filter: this.#judging === 'fields' ? undefined : this.#options.filter };
  }

  /** What the reader may see of each stretch in turn, and what matches of that, a chunk at a time. */
  async *#hits(stretches: readonly Stretch[], wanted = chunk): AsyncGenerator<Hit[]> {
    const { context, model } = this.#options;
    const limit = Math.min(Math.max(wanted, 16), chunk);
    for (const stretch of stretches) {
      let { from } = stretch;
      for (;;) {
        const objects = await this.#query({ ...stretch, from, limit });
        yield this.#matching(await seenBy(model, objects, context.auth));
        const last = objects.at(-1);
        if (!last || objects.length < limit) break;
        from = placeOf(last, stretch.order);
        // Judging is work of this thread: others get their turn between chunks.
        await nextTurn();
      }
    }
  }

  #matching(seen: readonly Seen[]): Hit[] {
    if (this.#judging !== 'fields') return seen.map((one) => this.#hit(one));
    return seen.map((one) => this.#hit(one)).filter((hit) => this.#isMatch(hit));
  }

  #isMatch(seen: Seen): boolean {
    const { r, rev, data } = asSeen(seen);
    return this.#matches({ ...data, _r: r, _rev: rev });
  }

  #hit(seen: Seen): Hit {
    return { ...seen, place: placeOf(asSeen(seen), this.#options.order) };
  }

  async #query(part: Omit<Query, 'scope' | 'timeout'>): Promise<StoredObject[]> {
    const { scope, context } = this.#options;
    return await context.services.store.query({ ...part, scope, timeout: this.#timeLeft() });
  }

  #timeLeft(): number {
    const { platform, limits } = this.#options.context.services;
    const now = platform.clock.monotonic();
    // The time begins with the first look at the store, not while the query waits for its slot.
    this.#deadline ??= now + limits.queryTime;
    const left = this.#deadline - now;
    if (left <= 0) throw new QueryTimeout(`the query took longer than ${limits.queryTime} ms`);
    return left;
  }
}

/** The order that the store walks fastest. */
const byId: Order = { field: '_r', descending: true };
