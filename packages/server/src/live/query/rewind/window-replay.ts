import { compilePredicate, fail, type JsonObject, type Predicate } from '@really/protocol';
import type { Model } from '../../../model/model.js';
import { pushView, type View, visibleBody } from '../../../model/view/view.js';
import { asVisible } from '../../../queries/access-scope.js';
import { FilterScans } from '../../../queries/filter-scans.js';
import type { Hit } from '../../../queries/search.js';
import { compareSortPositions, isByIds, sortPositionOf } from '../../../store/order.js';
import type { Change, Pos, StoredObject } from '../../../store/stored-object.js';
import type { LiveContext } from '../../live-context.js';
import { dataAfter } from '../../object/data-at-revision.js';
import { viewNow } from '../../push/view-now.js';
import { isWithin, type QueryGroupTraits } from '../query-group-traits.js';
import type { QueryWindow, Row, WindowChange } from '../query-window.js';
import { rowOf } from '../window-diff.js';
import { type ChangedRow, changedRow, type WindowEvent, windowEventsOf } from '../window-event.js';
import type { RewindLimits } from './rewind-limits.js';

/** An object that changed since a position, as it was there. */
export interface PastObject {
  /** Its revision there; 0 if it did not exist yet. */
  readonly rev: number;
  readonly data: JsonObject | undefined;
  /** The last revision by field at that position. */
  readonly touched: StoredObject['touched'];
  readonly now: StoredObject;
  /** It changed only after the changes that are replayed. */
  readonly isLater?: true | undefined;
}

export interface ReplayedChange {
  readonly pos: Pos;
  readonly change: Change;
}

/** The events of one change. */
export interface WindowReplayStep {
  /** The position of the change, or the one before it if more of the change is to come. */
  readonly pos: Pos;
  readonly events: readonly WindowEvent[];
}

interface EarlierDelivery {
  /** The object whose `left` was sent before its replacement. */
  readonly left: string | undefined;
}

interface WindowReplayDeps {
  readonly traits: QueryGroupTraits;
  readonly window: QueryWindow;
  readonly past: ReadonlyMap<string, PastObject>;
  readonly limits: RewindLimits;
}

/**
 * Replays changes on a past window. Past rows are authorized by the objects as they were; events by
 * the current objects. Filter and order use the state at each change.
 */
export class WindowReplay {
  readonly #context: LiveContext;
  readonly #model: Model;
  readonly #traits: QueryGroupTraits;
  readonly #window: QueryWindow;
  readonly #past: ReadonlyMap<string, PastObject>;
  readonly #limits: RewindLimits;
  readonly #matches: Predicate;
  readonly #scans: FilterScans;
  readonly #data = new Map<string, JsonObject>();
  /** Objects that have not changed, by R. */
  readonly #unchanged = new Map<string, StoredObject>();
  /** Hidden fields of the current objects by R; `undefined`: not visible. */
  readonly #hidden = new Map<string, readonly string[] | undefined>();
  /** Objects deleted later in the replay: only an order by id tells where they were. */
  readonly #deletedCandidates = new Set<string>();

  constructor(context: LiveContext, model: Model, deps: WindowReplayDeps) {
    this.#context = context;
    this.#model = model;
    this.#traits = deps.traits;
    this.#window = deps.window;
    this.#past = deps.past;
    this.#limits = deps.limits;
    const { filter } = deps.traits;
    this.#matches = filter ? compilePredicate(filter) : () => true;
    this.#scans = new FilterScans(filter);
    for (const [r, { rev, data }] of deps.past) {
      if (data) this.#data.set(r, data);
      else if (rev > 0) this.#deletedCandidates.add(r);
    }
  }

  /** Objects whose deletion the replay has not reached yet. */
  get deletedCandidates(): number {
    return this.#deletedCandidates.size;
  }

  /** Fills the past window. `unchanged`: objects that are the same now. */
  async fill(unchanged: readonly Hit[]): Promise<void> {
    const { order, fields } = this.#traits;
    const rows = unchanged.map((hit) => rowOf(hit, fields));
    for (const { object } of unchanged) this.#unchanged.set(object.r, object);
    for (const [r, entry] of this.#past) {
      if (this.#limits.isOver) await this.#limits.rest();
      const row = this.#rowOfDeleted(r, entry) ?? (await this.#rowThen(r, entry));
      if (row) rows.push(row);
    }
    rows.sort((a, b) => compareSortPositions(order, a.place, b.place));
    const { limit, capacity } = this.#window;
    const filled = rows.slice(0, limit);
    for (const row of rows.slice(limit)) {
      if (filled.length >= capacity) break;
      if (this.#limits.isOver) await this.#limits.rest();
      const sendable = await this.#sendable(row);
      if (sendable) filled.push(sendable);
    }
    this.#window.fill(filled);
  }

  /**
   * A row that the client does not have, as it may be sent now; `undefined` if it may not, by a
   * change that the replay has not reached yet. Such rows are not kept in reserve.
   */
  async #sendable(row: Row): Promise<Row | undefined> {
    const past = this.#past.get(row.r);
    if (!past || (past.isLater && past.data)) return row;
    const hidden = await this.#hiddenNow(row.r);
    return hidden && { ...row, hidden };
  }

  /** In the order of ids, the place of a deleted object is still known. */
  #rowOfDeleted(r: string, { rev }: PastObject): Row | undefined {
    if (!isByIds(this.#traits.order) || !this.#deletedCandidates.delete(r)) return undefined;
    return { r, rev, place: { values: [], r }, hidden: [], changedAt: rev };
  }

  /** The row as the reader saw it then; `undefined` if not visible. */
  async #rowThen(
    r: string,
    { rev, data, touched }: Pick<PastObject, 'rev' | 'data' | 'touched'>,
  ): Promise<Row | undefined> {
    if (!data) return undefined;
    const object = { ...this.#objectOf(r, rev, data), touched };
    const { auth, finder, fields, order } = this.#traits;
    const hidden = this.#hiddenIn(await pushView(this.#model, object, auth, finder));
    if (!hidden || !this.#isMatch(object, hidden)) return undefined;
    const place = sortPositionOf(asVisible({ object, hidden }), order);
    return isWithin(this.#traits, place) ? rowOf({ object, hidden, place }, fields) : undefined;
  }

  #isMatch(object: StoredObject, hidden: readonly string[]): boolean {
    const body = visibleBody(object, undefined, hidden);
    // A search takes as long in steps, and once.
    if (this.#scans.areLong(body)) throw fail('position.gone');
    return this.#matches(body);
  }

  /**
   * Stops when the next row to enter the window is unknown: the difference to the current window
   * covers the rest. Throws 410 `position.gone` if the unknown place of a deleted object matters,
   * which it does not if everything fits. `isExact`: nothing of the first change was sent before.
   */
  async run(
    changes: readonly ReplayedChange[],
    { isExact }: { isExact: boolean },
  ): Promise<WindowReplayStep[]> {
    const isFull = this.#window.size + this.deletedCandidates > this.#traits.limit;
    if (this.deletedCandidates > 0 && isFull) throw fail('position.gone');
    const steps: WindowReplayStep[] = [];
    let first: EarlierDelivery | undefined = isExact ? { left: undefined } : undefined;
    // Rows that became visible later are in the replay's window but were not in the original one.
    const windowThen = this.#window.copy();
    for (const entry of changes) {
      if (this.#limits.isOver) await this.#limits.rest();
      const earlier = first ? undefined : await this.#deliveredThen(entry, windowThen);
      const events = await this.#redeliver(earlier?.left, await this.#apply(entry));
      first ??= earlier;
      // The row that is to enter comes later, so not all of this position is sent.
      const pos = this.#window.isShort ? entry.pos - 1 : entry.pos;
      if (events.length > 0) steps.push({ pos, events });
      if (this.#window.isShort) break;
    }
    return steps;
  }

  /** What was sent of a change when it happened; `undefined` if nothing. */
  async #deliveredThen(
    { change }: ReplayedChange,
    window: QueryWindow,
  ): Promise<EarlierDelivery | undefined> {
    const { r, rev } = change;
    const last = window.shown.at(-1);
    const mayBeFull =
      this.deletedCandidates > 0 && window.size + this.deletedCandidates >= window.limit;
    const data = this.#dataAfter(change);
    const row = data && (await this.#rowThen(r, { rev, data, touched: {} }));
    const { wasIn, isIn, left } = row ? window.put(row) : window.remove(r);
    if (!wasIn && !isIn) return undefined;
    if (wasIn) return { left: isIn ? undefined : r };
    return { left: left?.r ?? (mayBeFull ? last?.r : undefined) };
  }

  /**
   * Only the `left` of the first change may have been sent. If that object is still, or again, in
   * the window, it has to be sent again.
   */
  async #redeliver(left: string | undefined, events: WindowEvent[]): Promise<WindowEvent[]> {
    const row = left === undefined ? undefined : this.#window.shown.find(({ r }) => r === left);
    if (!row) return events;
    const others = events.filter(
      (entry) => ('object' in entry ? entry.object.r : entry.r) !== left,
    );
    return [...others, ...(await this.#entered(row))];
  }

  #dataAfter(change: Change): JsonObject | undefined {
    return change.type === 'delete' ? undefined : dataAfter(this.#data.get(change.r), change);
  }

  async #apply({ change }: ReplayedChange): Promise<WindowEvent[]> {
    const { r, rev } = change;
    const data = this.#dataAfter(change);
    if (!data) return await this.#delete(change);
    this.#data.set(r, data);
    const before = this.#window.get(r);
    const hidden = await this.#hiddenNow(r);
    const object = this.#objectOf(r, rev, data);
    const changed =
      hidden &&
      this.#isMatch(object, hidden) &&
      changedRow(this.#traits, change, { object, before, hidden });
    if (!changed || !isWithin(this.#traits, changed.row.place))
      return before ? await this.#eventsOf(change, this.#window.remove(r)) : [];
    return await this.#eventsOf(change, this.#window.put(changed.row), changed);
  }

  #delete(change: Change): Promise<WindowEvent[]> {
    const { r } = change;
    // Everything fitted, so it was in the window.
    const wasThere = this.#deletedCandidates.delete(r);
    this.#data.delete(r);
    const windowChange = this.#window.remove(r);
    return this.#eventsOf(change, { ...windowChange, wasIn: windowChange.wasIn || wasThere });
  }

  async #eventsOf(
    change: Change,
    windowChange: WindowChange,
    changed?: ChangedRow,
  ): Promise<WindowEvent[]> {
    const { entered, left } = windowChange;
    const events = windowEventsOf(change, windowChange, changed);
    if (left && !(await this.#sendable(left))) this.#window.remove(left.r);
    if (entered) events.push(...(await this.#entered(entered)));
    return events;
  }

  async #entered(row: Row): Promise<WindowEvent[]> {
    const sendable = await this.#sendable(row);
    if (!sendable) return [];
    const { r, rev, hidden } = sendable;
    const data = this.#data.get(r);
    const object = data ? this.#objectOf(r, rev, data) : this.#unchanged.get(r);
    if (!object) throw new Error('a row without its object');
    return [{ evt: 'entered', object, hidden }];
  }

  async #hiddenNow(r: string): Promise<readonly string[] | undefined> {
    if (this.#hidden.has(r)) return this.#hidden.get(r);
    const now = this.#past.get(r)?.now;
    let hidden: readonly string[] | undefined;
    if (now && !now.deleted) {
      const sight = await viewNow(this.#context, this.#model, now, this.#traits);
      // A later revision is on its way.
      if (sight.object === now) hidden = this.#hiddenIn(sight.view);
    }
    this.#hidden.set(r, hidden);
    return hidden;
  }

  /** The hidden fields; `undefined` if the object is not visible. */
  #hiddenIn(view: View): readonly string[] | undefined {
    if (view.kind === 'visible') return view.hidden;
    this.#context.metrics.refusals.add();
    return undefined;
  }

  #objectOf(r: string, rev: number, data: JsonObject): StoredObject {
    return { r, rev, data, touched: {}, deleted: false, modelVersion: this.#model.version };
  }
}
