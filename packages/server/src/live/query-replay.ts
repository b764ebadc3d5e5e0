import {
  type Actor,
  applyDelta,
  compilePredicate,
  fail,
  type JsonObject,
  type Predicate,
} from '@really/protocol';
import type { Model } from '../model/model.js';
import { pushView, visibleBody } from '../model/view.js';
import { asSeen } from '../queries/readers-view.js';
import type { Hit } from '../queries/search.js';
import { comparePlaces, placeOf } from '../store/order.js';
import type { LoggedChange, Pos, StoredObject } from '../store/store.js';
import type { LiveContext } from './live-context.js';
import { type OwnMark, ownMarkOf } from './own-mark.js';
import { rowOf } from './query-difference.js';
import type { GroupTraits } from './query-group.js';
import type { News } from './query-news.js';
import type { QueryWindow, Row } from './query-window.js';
import { lastChange, seenDelta, seesMore } from './visible-fields.js';

/** An object that changed since a position. */
export interface Past {
  /** The revision that it had there; 0 where it was not there yet. */
  readonly rev: number;
  readonly data: JsonObject | undefined;
  /** By field, the revision that had touched it there. */
  readonly touched: StoredObject['touched'];
  readonly now: StoredObject;
}

/** What one change did to the window. */
export interface ReplayStep {
  readonly pos: Pos;
  readonly news: readonly News[];
}

interface ToldThen {
  /** The object that had left by this change, which was told before what came in its place. */
  readonly left: string | undefined;
}

/** What is told of an object that left by its own change. */
interface OwnChange {
  readonly r: string;
  readonly rev: number;
  readonly by: Actor;
  readonly mark: OwnMark | undefined;
}

interface State {
  readonly r: string;
  readonly rev: number;
  readonly data: JsonObject;
}

/**
 * Feeds a window of the past with the changes that followed. What its reader had seen there depends on rights as they
 * were then; what is told of the changes, on rights to the objects as they are now. Filter and order go by what was.
 */
export class QueryReplay {
  readonly #context: LiveContext;
  readonly #model: Model;
  readonly #traits: GroupTraits;
  readonly #window: QueryWindow;
  readonly #past: ReadonlyMap<string, Past>;
  readonly #matches: Predicate;
  readonly #data = new Map<string, JsonObject>();
  /** Those that have not changed, by R. */
  readonly #unchanged = new Map<string, StoredObject>();
  /** By R, of the objects as they are now; `undefined`: it may not be seen. */
  readonly #hidden = new Map<string, readonly string[] | undefined>();
  /** Objects that were deleted since, and are not yet in the replay: nobody knows where they stood, unless it is by their ids. */
  readonly #ghosts = new Set<string>();

  constructor(
    context: LiveContext,
    model: Model,
    parts: { traits: GroupTraits; window: QueryWindow; past: ReadonlyMap<string, Past> },
  ) {
    this.#context = context;
    this.#model = model;
    this.#traits = parts.traits;
    this.#window = parts.window;
    this.#past = parts.past;
    const { filter } = parts.traits;
    this.#matches = filter ? compilePredicate(filter) : () => true;
    for (const [r, { data }] of parts.past) if (data) this.#data.set(r, data);
    for (const [r, { rev, data }] of parts.past) if (rev > 0 && !data) this.#ghosts.add(r);
  }

  /** Those that were deleted since, while the replay has not come to that. */
  get ghosts(): number {
    return this.#ghosts.size;
  }

  /** The rows of the window as it was: `unchanged` are those that have been the same ever since. */
  async fill(unchanged: readonly Hit[]): Promise<void> {
    const { order, fields } = this.#traits;
    const rows = unchanged.map((hit) => rowOf(hit, fields));
    for (const { object } of unchanged) this.#unchanged.set(object.r, object);
    for (const [r, one] of this.#past) {
      const row = this.#rowOfGhost(r, one) ?? (await this.#rowThen(r, one));
      if (row) rows.push(row);
    }
    this.#window.fill(rows.sort((a, b) => comparePlaces(order, a.place, b.place)));
  }

  /** In the order of ids it is known where one stood of which nothing else is left. */
  #rowOfGhost(r: string, { rev }: Past): Row | undefined {
    if (this.#traits.order.field !== '_r' || !this.#ghosts.delete(r)) return undefined;
    return { r, rev, place: { value: undefined, r }, hidden: [], changedAt: rev };
  }

  /** The row of an object as its reader saw it then; `undefined` where it did not. */
  async #rowThen(
    r: string,
    { rev, data, touched }: Pick<Past, 'rev' | 'data' | 'touched'>,
  ): Promise<Row | undefined> {
    if (!data) return undefined;
    const object = { ...objectOf({ r, rev, data }, this.#model), touched };
    const hidden = await this.#judge(object);
    const row = hidden && this.#rowOf({ r, rev, data }, hidden);
    return (
      row && { ...row, changedAt: lastChange(object, { fields: this.#traits.fields, hidden }) }
    );
  }

  /** The row of an object in some state; `undefined` where the query does not find it. */
  #rowOf(state: State, hidden: readonly string[]): Row | undefined {
    const object = objectOf(state, this.#model);
    if (!this.#matches(visibleBody(object, undefined, hidden))) return undefined;
    const place = placeOf(asSeen({ object, hidden }), this.#traits.order);
    return { r: state.r, rev: state.rev, place, hidden, changedAt: state.rev };
  }

  /**
   * Stops where what comes next into the window is not known: the difference to what is now says the rest. Throws 410
   * `position.gone` where it matters where something stood that was deleted since: not where everything fitted in.
   * `isWhole`: it is known that nothing was told of the first change.
   */
  async run(
    changes: readonly LoggedChange[],
    { isWhole }: { isWhole: boolean },
  ): Promise<ReplayStep[]> {
    const isFull = this.#window.size + this.ghosts > this.#traits.limit;
    if (this.ghosts > 0 && isFull) throw fail('position.gone');
    const steps: ReplayStep[] = [];
    let first: ToldThen | undefined = isWhole ? { left: undefined } : undefined;
    // What may be seen now is in the window of the replay, and was not in that of then.
    const windowThen = this.#window.copy();
    for (const entry of changes) {
      const then = first ? undefined : await this.#toldThen(entry, windowThen);
      const news = this.#toldAgain(then?.left, await this.#take(entry));
      first ??= then;
      if (news.length > 0) steps.push({ pos: entry.pos, news });
      if (this.#window.isShort) break;
    }
    return steps;
  }

  /** What was told of a change when it happened, to the window as it was; `undefined` where that was nothing. */
  async #toldThen({ change }: LoggedChange, window: QueryWindow): Promise<ToldThen | undefined> {
    const { r, rev } = change;
    const last = window.shown.at(-1);
    const mayBeFull = this.ghosts > 0 && window.size + this.ghosts >= window.limit;
    const data = this.#dataAfter(change);
    const row = data && (await this.#rowThen(r, { rev, data, touched: {} }));
    const { was, is, left } = row ? window.put(row) : window.remove(r);
    if (!was && !is) return undefined;
    if (was) return { left: is ? undefined : r };
    return { left: left?.r ?? (mayBeFull ? last?.r : undefined) };
  }

  /**
   * Of the first change there may have been told that something left, and no more. Where that is still, or again, in
   * the window, it has to be told of it.
   */
  #toldAgain(left: string | undefined, news: News[]): News[] {
    const row = left === undefined ? undefined : this.#window.shown.find(({ r }) => r === left);
    if (!row) return news;
    const others = news.filter((one) => ('object' in one ? one.object.r : one.r) !== left);
    return [...others, this.#entered(row)];
  }

  #dataAfter({ r, type, created, delta }: LoggedChange['change']): JsonObject | undefined {
    if (type === 'delete') return undefined;
    return created ?? applyDelta(this.#data.get(r) ?? {}, delta);
  }

  async #take({ change }: LoggedChange): Promise<News[]> {
    const { r, rev, by } = change;
    const mark = ownMarkOf(change);
    const data = this.#dataAfter(change);
    if (!data) return this.#delete({ r, rev, by, mark });
    this.#data.set(r, data);
    const before = this.#window.get(r);
    const hidden = await this.#hiddenNow(r);
    const found = hidden && this.#rowOf({ r, rev, data }, hidden);
    if (!found) return before ? this.#others(this.#window.remove(r), { r, rev, by, mark }) : [];
    const sight = { fields: this.#traits.fields, hidden };
    const body = seenDelta(change.delta, sight);
    const changedAt = body || !before ? rev : before.changedAt;
    const crossing = this.#window.put({ ...found, changedAt });
    const news = this.#others(crossing, { r, rev, by, mark });
    const object = objectOf({ r, rev, data }, this.#model);
    if (crossing.is && !crossing.was) {
      const evt = change.type === 'create' ? 'created' : 'entered';
      news.push({ evt, object, hidden, by, mark });
    } else if (crossing.is && before && seesMore(before.hidden, sight)) {
      news.push({ evt: 'snapshot', object, hidden, mark });
    } else if (crossing.is && before && body) {
      news.push({ evt: 'updated', r, rev, body, by, mark, prev: before.changedAt });
    }
    return news;
  }

  #delete(own: OwnChange): News[] {
    const { r } = own;
    // Everything fitted in, so it was in it.
    const wasThere = this.#ghosts.delete(r);
    this.#data.delete(r);
    const crossing = this.#window.remove(r);
    const news = this.#others(crossing, own);
    return crossing.was || !wasThere ? news : [{ evt: 'left', ...own }, ...news];
  }

  #others(crossing: ReturnType<QueryWindow['remove']>, own: OwnChange): News[] {
    const news: News[] = [];
    if (crossing.was && !crossing.is) news.push({ evt: 'left', ...own });
    if (crossing.left) news.push({ evt: 'left', r: crossing.left.r, rev: crossing.left.rev });
    if (crossing.entered) news.push(this.#entered(crossing.entered));
    return news;
  }

  #entered({ r, rev, hidden }: Row): News {
    const data = this.#data.get(r);
    const object = data ? objectOf({ r, rev, data }, this.#model) : this.#unchanged.get(r);
    if (!object) throw new Error('a row of an object that is not there');
    return { evt: 'entered', object, hidden };
  }

  async #hiddenNow(r: string): Promise<readonly string[] | undefined> {
    if (this.#hidden.has(r)) return this.#hidden.get(r);
    const now = this.#past.get(r)?.now;
    const hidden = now && !now.deleted ? await this.#judge(now) : undefined;
    this.#hidden.set(r, hidden);
    return hidden;
  }

  /** The fields that are hidden; `undefined` where all of it is. */
  async #judge(object: StoredObject): Promise<readonly string[] | undefined> {
    const view = await pushView(this.#model, object, this.#traits.auth);
    if (view.kind === 'visible') return view.hidden;
    this.#context.metrics.refusals.add();
    return undefined;
  }
}

function objectOf({ r, rev, data }: State, { version }: Model): StoredObject {
  return { r, rev, data, touched: {}, deleted: false, modelVersion: version };
}
