import { applyDelta, compilePredicate, type JsonObject, type Predicate } from '@really/protocol';
import type { Model } from '../model/model.js';
import { pushView, visibleBody } from '../model/view.js';
import { asSeen } from '../queries/readers-view.js';
import type { Hit } from '../queries/search.js';
import { comparePlaces, placeOf } from '../store/order.js';
import type { LoggedChange, Pos, StoredObject } from '../store/store.js';
import type { LiveContext } from './live-context.js';
import { rowOf } from './query-difference.js';
import type { GroupTraits } from './query-group.js';
import type { News } from './query-news.js';
import type { QueryWindow, Row } from './query-window.js';
import { seenDelta } from './visible-fields.js';

/** An object that changed since a position. */
export interface Past {
  /** The revision that it had there; 0 where it was not there yet. */
  readonly rev: number;
  readonly data: JsonObject | undefined;
  readonly now: StoredObject;
}

/** What one change did to the window. */
export interface ReplayStep {
  readonly pos: Pos;
  readonly news: readonly News[];
}

interface State {
  readonly r: string;
  readonly rev: number;
  readonly data: JsonObject;
}

/**
 * Feeds a window of the past with the changes that followed. Rights are judged by the objects as they are now,
 * filter and order by what they were.
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
  /** By R; `undefined`: it may not be seen. */
  readonly #hidden = new Map<string, readonly string[] | undefined>();

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
  }

  /** The rows of the window as it was: `unchanged` are those that have been the same ever since. */
  async fill(unchanged: readonly Hit[]): Promise<void> {
    const { order, fields } = this.#traits;
    const rows = unchanged.map((hit) => rowOf(hit, fields));
    for (const { object } of unchanged) this.#unchanged.set(object.r, object);
    for (const [r, { rev, data }] of this.#past) {
      const row = data && (await this.#rowOf({ r, rev, data }));
      if (row) rows.push(row);
    }
    this.#window.fill(rows.sort((a, b) => comparePlaces(order, a.place, b.place)));
  }

  /** The row of an object in some earlier state; `undefined` where the reader does not find it. */
  async #rowOf(state: State): Promise<Row | undefined> {
    const hidden = await this.#hiddenOf(state.r);
    if (!hidden) return undefined;
    const object = objectOf(state, this.#model);
    if (!this.#matches(visibleBody(object, undefined, hidden))) return undefined;
    const place = placeOf(asSeen({ object, hidden }), this.#traits.order);
    return { r: state.r, rev: state.rev, place, hidden, changedAt: state.rev };
  }

  /** Stops where what comes next into the window is not known: the difference to what is now says the rest. */
  async run(changes: readonly LoggedChange[]): Promise<ReplayStep[]> {
    const steps: ReplayStep[] = [];
    for (const entry of changes) {
      const news = await this.#take(entry);
      if (news.length > 0) steps.push({ pos: entry.pos, news });
      if (this.#window.isShort) break;
    }
    return steps;
  }

  async #take({ change }: LoggedChange): Promise<News[]> {
    const { r, rev, by } = change;
    if (change.type === 'delete') return this.#delete(r, rev, by);
    const data = change.created ?? applyDelta(this.#data.get(r) ?? {}, change.delta);
    this.#data.set(r, data);
    const before = this.#window.get(r);
    const found = await this.#rowOf({ r, rev, data });
    if (!found) return before ? this.#others(this.#window.remove(r), { r, rev, by }) : [];
    const { hidden } = found;
    const body = seenDelta(change.delta, { fields: this.#traits.fields, hidden });
    const changedAt = body || !before ? rev : before.changedAt;
    const crossing = this.#window.put({ ...found, changedAt });
    const news = this.#others(crossing, { r, rev, by });
    const object = objectOf({ r, rev, data }, this.#model);
    if (crossing.is && !crossing.was) {
      news.push({ evt: change.type === 'create' ? 'created' : 'entered', object, hidden, by });
    } else if (crossing.is && before && body) {
      news.push({ evt: 'updated', r, rev, body, by, prev: before.changedAt });
    }
    return news;
  }

  #delete(r: string, rev: number, by: LoggedChange['change']['by']): News[] {
    const wasThere = (this.#past.get(r)?.rev ?? 0) > 0;
    this.#data.delete(r);
    const crossing = this.#window.remove(r);
    const news = this.#others(crossing, { r, rev, by });
    return crossing.was || !wasThere ? news : [{ evt: 'left', r, rev, by }, ...news];
  }

  #others(
    crossing: ReturnType<QueryWindow['remove']>,
    own: { r: string; rev: number; by: LoggedChange['change']['by'] },
  ): News[] {
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

  async #hiddenOf(r: string): Promise<readonly string[] | undefined> {
    if (this.#hidden.has(r)) return this.#hidden.get(r);
    const now = this.#past.get(r)?.now;
    const isThere = now !== undefined && !now.deleted;
    const view = isThere ? await pushView(this.#model, now, this.#traits.auth) : undefined;
    const hidden = view?.kind === 'visible' ? view.hidden : undefined;
    if (view?.kind === 'refused') this.#context.metrics.refusals.add();
    this.#hidden.set(r, hidden);
    return hidden;
  }
}

function objectOf({ r, rev, data }: State, { version }: Model): StoredObject {
  return { r, rev, data, touched: {}, deleted: false, modelVersion: version };
}
