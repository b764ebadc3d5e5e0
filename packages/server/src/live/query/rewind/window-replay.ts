import {
  type Actor,
  applyDelta,
  compilePredicate,
  fail,
  type JsonObject,
  type Predicate,
} from '@really/protocol';
import type { Model } from '../../../model/model.js';
import { pushView, visibleBody } from '../../../model/view/view.js';
import { asVisible } from '../../../queries/access-scope.js';
import type { Hit } from '../../../queries/search.js';
import { compareSortPositions, sortPositionOf } from '../../../store/order.js';
import type { LoggedChange, Pos, StoredObject } from '../../../store/store.js';
import type { LiveContext } from '../../live-context.js';
import { type OnceMarker, onceMarkerOf } from '../../push/once-marker.js';
import { gainsFields, lastVisibleChange, visibleDelta } from '../../push/visibility.js';
import type { QueryGroupTraits } from '../query-group-traits.js';
import type { QueryWindow, Row } from '../query-window.js';
import { rowOf } from '../window-diff.js';
import type { WindowEvent } from '../window-event.js';

/** An object that changed since a position. */
export interface PastObject {
  /** The revision that it had there; 0 where it was not there yet. */
  readonly rev: number;
  readonly data: JsonObject | undefined;
  /** By field, the revision that had touched it there. */
  readonly touched: StoredObject['touched'];
  readonly now: StoredObject;
}

/** What one change did to the window. */
export interface WindowReplayStep {
  readonly pos: Pos;
  readonly events: readonly WindowEvent[];
}

interface EarlierDelivery {
  /** The object that had left by this change, which was told before what came in its place. */
  readonly left: string | undefined;
}

/** What is told of an object that left by its own change. */
interface OwnChange {
  readonly r: string;
  readonly rev: number;
  readonly by: Actor;
  readonly onceMarker: OnceMarker | undefined;
}

interface ReplayedObject {
  readonly r: string;
  readonly rev: number;
  readonly data: JsonObject;
}

/**
 * Feeds a window of the past with the changes that followed. What its reader had seen there depends on rights as they
 * were then; what is told of the changes, on rights to the objects as they are now. Filter and order go by what was.
 */
export class WindowReplay {
  readonly #context: LiveContext;
  readonly #model: Model;
  readonly #traits: QueryGroupTraits;
  readonly #window: QueryWindow;
  readonly #past: ReadonlyMap<string, PastObject>;
  readonly #matches: Predicate;
  readonly #data = new Map<string, JsonObject>();
  /** Those that have not changed, by R. */
  readonly #unchanged = new Map<string, StoredObject>();
  /** By R, of the objects as they are now; `undefined`: it may not be seen. */
  readonly #hidden = new Map<string, readonly string[] | undefined>();
  /** Objects that were deleted since, and are not yet in the replay: nobody knows where they stood, unless it is by their ids. */
  readonly #deletedCandidates = new Set<string>();

  constructor(
    context: LiveContext,
    model: Model,
    deps: { traits: QueryGroupTraits; window: QueryWindow; past: ReadonlyMap<string, PastObject> },
  ) {
    this.#context = context;
    this.#model = model;
    this.#traits = deps.traits;
    this.#window = deps.window;
    this.#past = deps.past;
    const { filter } = deps.traits;
    this.#matches = filter ? compilePredicate(filter) : () => true;
    for (const [r, { data }] of deps.past) if (data) this.#data.set(r, data);
    for (const [r, { rev, data }] of deps.past)
      if (rev > 0 && !data) this.#deletedCandidates.add(r);
  }

  /** Those that were deleted since, while the replay has not come to that. */
  get deletedCandidates(): number {
    return this.#deletedCandidates.size;
  }

  /** The rows of the window as it was: `unchanged` are those that have been the same ever since. */
  async fill(unchanged: readonly Hit[]): Promise<void> {
    const { order, fields } = this.#traits;
    const rows = unchanged.map((hit) => rowOf(hit, fields));
    for (const { object } of unchanged) this.#unchanged.set(object.r, object);
    for (const [r, entry] of this.#past) {
      const row = this.#rowOfDeleted(r, entry) ?? (await this.#rowThen(r, entry));
      if (row) rows.push(row);
    }
    this.#window.fill(rows.sort((a, b) => compareSortPositions(order, a.place, b.place)));
  }

  /** In the order of ids it is known where one stood of which nothing else is left. */
  #rowOfDeleted(r: string, { rev }: PastObject): Row | undefined {
    if (this.#traits.order.field !== '_r' || !this.#deletedCandidates.delete(r)) return undefined;
    return { r, rev, place: { value: undefined, r }, hidden: [], changedAt: rev };
  }

  /** The row of an object as its reader saw it then; `undefined` where it did not. */
  async #rowThen(
    r: string,
    { rev, data, touched }: Pick<PastObject, 'rev' | 'data' | 'touched'>,
  ): Promise<Row | undefined> {
    if (!data) return undefined;
    const object = { ...objectOf({ r, rev, data }, this.#model), touched };
    const hidden = await this.#authorize(object);
    const row = hidden && this.#rowOf({ r, rev, data }, hidden);
    return (
      row && {
        ...row,
        changedAt: lastVisibleChange(object, { fields: this.#traits.fields, hidden }),
      }
    );
  }

  /** The row of an object in some state; `undefined` where the query does not find it. */
  #rowOf(state: ReplayedObject, hidden: readonly string[]): Row | undefined {
    const object = objectOf(state, this.#model);
    if (!this.#matches(visibleBody(object, undefined, hidden))) return undefined;
    const place = sortPositionOf(asVisible({ object, hidden }), this.#traits.order);
    return { r: state.r, rev: state.rev, place, hidden, changedAt: state.rev };
  }

  /**
   * Stops where what comes next into the window is not known: the difference to what is now says the rest. Throws 410
   * `position.gone` where it matters where something stood that was deleted since: not where everything fitted in.
   * `isWhole`: it is known that nothing was told of the first change.
   */
  async run(
    changes: readonly LoggedChange[],
    { isExact }: { isExact: boolean },
  ): Promise<WindowReplayStep[]> {
    const isFull = this.#window.size + this.deletedCandidates > this.#traits.limit;
    if (this.deletedCandidates > 0 && isFull) throw fail('position.gone');
    const steps: WindowReplayStep[] = [];
    let first: EarlierDelivery | undefined = isExact ? { left: undefined } : undefined;
    // What may be seen now is in the window of the replay, and was not in that of then.
    const windowThen = this.#window.copy();
    for (const entry of changes) {
      const then = first ? undefined : await this.#deliveredThen(entry, windowThen);
      const events = this.#redeliver(then?.left, await this.#apply(entry));
      first ??= then;
      if (events.length > 0) steps.push({ pos: entry.pos, events });
      if (this.#window.isShort) break;
    }
    return steps;
  }

  /** What was told of a change when it happened, to the window as it was; `undefined` where that was nothing. */
  async #deliveredThen(
    { change }: LoggedChange,
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
   * Of the first change there may have been told that something left, and no more. Where that is still, or again, in
   * the window, it has to be told of it.
   */
  #redeliver(left: string | undefined, events: WindowEvent[]): WindowEvent[] {
    const row = left === undefined ? undefined : this.#window.shown.find(({ r }) => r === left);
    if (!row) return events;
    const others = events.filter(
      (entry) => ('object' in entry ? entry.object.r : entry.r) !== left,
    );
    return [...others, this.#entered(row)];
  }

  #dataAfter({ r, type, created, delta }: LoggedChange['change']): JsonObject | undefined {
    if (type === 'delete') return undefined;
    return created ?? applyDelta(this.#data.get(r) ?? {}, delta);
  }

  async #apply({ change }: LoggedChange): Promise<WindowEvent[]> {
    const { r, rev, by } = change;
    const onceMarker = onceMarkerOf(change);
    const data = this.#dataAfter(change);
    if (!data) return this.#delete({ r, rev, by, onceMarker });
    this.#data.set(r, data);
    const before = this.#window.get(r);
    const hidden = await this.#hiddenNow(r);
    const found = hidden && this.#rowOf({ r, rev, data }, hidden);
    if (!found)
      return before ? this.#otherEvents(this.#window.remove(r), { r, rev, by, onceMarker }) : [];
    const visibility = { fields: this.#traits.fields, hidden };
    const body = visibleDelta(change.delta, visibility);
    const changedAt = body || !before ? rev : before.changedAt;
    const windowChange = this.#window.put({ ...found, changedAt });
    const events = this.#otherEvents(windowChange, { r, rev, by, onceMarker });
    const object = objectOf({ r, rev, data }, this.#model);
    if (windowChange.isIn && !windowChange.wasIn) {
      const evt = change.type === 'create' ? 'created' : 'entered';
      events.push({ evt, object, hidden, by, onceMarker });
    } else if (windowChange.isIn && before && gainsFields(before.hidden, visibility)) {
      events.push({ evt: 'snapshot', object, hidden, onceMarker });
    } else if (windowChange.isIn && before && body) {
      events.push({ evt: 'updated', r, rev, body, by, onceMarker, prev: before.changedAt });
    }
    return events;
  }

  #delete(own: OwnChange): WindowEvent[] {
    const { r } = own;
    // Everything fitted in, so it was in it.
    const wasThere = this.#deletedCandidates.delete(r);
    this.#data.delete(r);
    const windowChange = this.#window.remove(r);
    const events = this.#otherEvents(windowChange, own);
    return windowChange.wasIn || !wasThere ? events : [{ evt: 'left', ...own }, ...events];
  }

  #otherEvents(windowChange: ReturnType<QueryWindow['remove']>, own: OwnChange): WindowEvent[] {
    const events: WindowEvent[] = [];
    if (windowChange.wasIn && !windowChange.isIn) events.push({ evt: 'left', ...own });
    if (windowChange.left)
      events.push({ evt: 'left', r: windowChange.left.r, rev: windowChange.left.rev });
    if (windowChange.entered) events.push(this.#entered(windowChange.entered));
    return events;
  }

  #entered({ r, rev, hidden }: Row): WindowEvent {
    const data = this.#data.get(r);
    const object = data ? objectOf({ r, rev, data }, this.#model) : this.#unchanged.get(r);
    if (!object) throw new Error('a row of an object that is not there');
    return { evt: 'entered', object, hidden };
  }

  async #hiddenNow(r: string): Promise<readonly string[] | undefined> {
    if (this.#hidden.has(r)) return this.#hidden.get(r);
    const now = this.#past.get(r)?.now;
    const hidden = now && !now.deleted ? await this.#authorize(now) : undefined;
    this.#hidden.set(r, hidden);
    return hidden;
  }

  /** The fields that are hidden; `undefined` where all of it is. */
  async #authorize(object: StoredObject): Promise<readonly string[] | undefined> {
    const view = await pushView(this.#model, object, this.#traits.auth);
    if (view.kind === 'visible') return view.hidden;
    this.#context.metrics.refusals.add();
    return undefined;
  }
}

function objectOf({ r, rev, data }: ReplayedObject, { version }: Model): StoredObject {
  return { r, rev, data, touched: {}, deleted: false, modelVersion: version };
}
