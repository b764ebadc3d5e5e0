import {
  compilePredicate,
  fail,
  type Predicate,
  type ProtocolError,
  type RqlExpression,
} from '@really/protocol';
import type { Model } from '../../model/model.js';
import { ruleToRql } from '../../model/rules/rule-to-rql.js';
import { pushView, type View, visibleBody } from '../../model/view/view.js';
import { unavailable } from '../../objects/unavailable.js';
import { asVisible } from '../../queries/access-scope.js';
import type { Hit } from '../../queries/search.js';
import { sortPositionOf } from '../../store/order.js';
import type { CommittedChange, Pos, StoredFieldType } from '../../store/store.js';
import type { InFlight } from '../catch-up/in-flight.js';
import { readWithRetry } from '../catch-up/read-with-retry.js';
import { type LiveContext, modelOf } from '../live-context.js';
import { onceMarkerOf } from '../push/once-marker.js';
import { isSameList, visibleDelta } from '../push/visibility.js';
import { fetchWindow } from './fetch-window.js';
import { PendingChanges } from './pending-changes.js';
import type { QueryGroupTraits, WindowCursor } from './query-group-traits.js';
import type { QuerySubscription, WindowDelivery } from './query-subscription.js';
import type { KnownRows } from './query-window.js';
import { QueryWindow, type Row, type WindowChange } from './query-window.js';
import { eventsSince, rowOf } from './window-diff.js';
import { ownEvents, type WindowEvent } from './window-event.js';
import { WindowSubscribers } from './window-subscribers.js';

/** Where a group stands among the others. */
export interface QueryGroupOwner {
  /** Whether so many rows more may be kept (rule LIM11). */
  hasRoomForRows(more: number): boolean;
  /** An object is among its rows now. */
  rowAdded(group: QueryGroup, r: string): void;
  /** An object is not among its rows any more. */
  rowRemoved(group: QueryGroup, r: string): void;
  /** An object may come to be among its rows, or not: it has to hear of whatever happens to it. */
  rowExpected(group: QueryGroup, r: string): void;
  /** An object is not among its rows, and will not be by what was heard of it so far. */
  rowUnexpected(group: QueryGroup, r: string): void;
  /** While it reads its rows, any object may come to be among them. */
  loading(group: QueryGroup, loading: boolean): void;
  fail(subscriptions: readonly QuerySubscription[], cause: unknown): void;
  /** Reads of the store, when it is this group's turn. Rejects as the reading does. */
  schedule<T>(group: QueryGroup, read: () => Promise<T>): Promise<T>;
  /** Every change up to here was offered to the groups that it may concern. */
  readonly through: Pos;
  /** Nobody is subscribed, and nobody is about to be. */
  onEmpty(group: QueryGroup): void;
}

/** The window as somebody who joins finds it. */
export interface WindowSnapshot {
  readonly hits: readonly Hit[];
  readonly pos: Pos;
  /** What was written while they were read may be in it, up to here. */
  readonly exactFrom: Pos;
}

/** Exactly one of the two is called, once. */
export interface JoinRequest {
  /** In the very moment in which the rows are those of `found`. */
  readonly resolve: (found: WindowSnapshot) => void;
  readonly reject: (error: unknown) => void;
}

/** Changes that wait while rights are judged or the store is read; with more, the store is asked. */
const maxQueueLength = 4096;

function tooManyRows(): ProtocolError {
  return fail('rate.limited', undefined, { meta: { retryAfter: 1 } });
}

/** One window, and those who watch it. Changes are taken one at a time, in the order of their positions. */
export class QueryGroup {
  readonly traits: QueryGroupTraits;
  readonly window: QueryWindow;
  /** What its index entry is made of. */
  readonly filters: readonly (RqlExpression | undefined)[];
  /** An object with a value of another type in one of these fields may be in it whatever the filters say. */
  readonly assumes: readonly StoredFieldType[];
  readonly #context: LiveContext;
  readonly #inFlight: InFlight;
  readonly #owner: QueryGroupOwner;
  readonly #subscribers: WindowSubscribers;
  readonly #matches: Predicate;
  #queue: CommittedChange[] = [];
  readonly #pendingChanges = new PendingChanges(
    (r) => this.#owner.rowExpected(this, r),
    (r) => {
      if (!this.window.get(r)) this.#owner.rowUnexpected(this, r);
    },
  );
  #joinRequests: JoinRequest[] = [];
  /** The rows have to be read from the store. */
  #isStale = false;
  #isBusy = false;
  #isRetired = false;
  /** Everything up to here is in the rows. */
  #pos: Pos = 0;
  /** In the window, but not told yet: it came from the reserve, and the store has to be asked for it. */
  #unannounced: Row | undefined;
  /** See `known`. */
  #known: KnownRows | undefined;
  /** Before this position the rows may be ahead of it: something was written while they were read. */
  #exactFrom: Pos = 0;
  /** Of a change a part was told: the rest is known once the store was asked. */
  #isPartial = false;

  constructor(
    context: LiveContext,
    deps: { inFlight: InFlight; owner: QueryGroupOwner; model: Model },
    traits: QueryGroupTraits,
  ) {
    this.#context = context;
    this.#inFlight = deps.inFlight;
    this.#owner = deps.owner;
    this.traits = traits;
    this.window = new QueryWindow(traits);
    this.#subscribers = new WindowSubscribers(traits, context);
    this.#matches = traits.filter ? compilePredicate(traits.filter) : () => true;
    const rule = ruleToRql(deps.model, traits.auth);
    this.filters = [traits.filter, rule?.kind === 'filter' ? rule.filter : undefined];
    this.assumes = rule?.kind === 'filter' ? rule.assumes : [];
  }

  /** Takes one change that may concern it. */
  receive(change: CommittedChange): void {
    if (this.#isBusy) {
      this.#enqueue(change);
      return;
    }
    const late = this.#apply(change);
    if (late || this.#isStale) this.#startWorker(late);
  }

  /** Asks the store, and tells everybody the difference to what they know. */
  refresh(): void {
    this.#isStale = true;
    if (!this.#isBusy) this.#startWorker(undefined);
  }

  /** The window as of now, for somebody who is about to subscribe. */
  join(request: JoinRequest): void {
    this.#joinRequests.push(request);
    this.refresh();
  }

  /** Its model is not in force any more: nobody joins it now, and what is under way for it comes to nothing. */
  retire(): void {
    this.#isRetired = true;
    this.#queue = [];
    const joinRequests = this.#joinRequests.splice(0);
    for (const { reject } of joinRequests) reject(unavailable());
  }

  attach(subscription: QuerySubscription): void {
    this.#subscribers.add(subscription);
  }

  detach(subscription: QuerySubscription): void {
    this.#subscribers.remove(subscription);
    this.#releaseIfEmpty();
  }

  /** How far those who are live have heard: while there is nothing to do, as far as the others. */
  get cursor(): WindowCursor {
    const { pos } = this.#subscribers;
    if (this.#isBusy || this.#isStale) return { pos, isExact: !this.isPartial };
    const reachedPos = Math.max(pos, this.#owner.through);
    return { pos: reachedPos, isExact: reachedPos >= this.#exactFrom };
  }

  /** See `QueryMembers.begin`. */
  activate(subscription: QuerySubscription, buffered: readonly WindowDelivery[]): void {
    this.#subscribers.activate(subscription, buffered);
    if (subscription.progress === 'behind') this.refresh();
  }

  /** See `QueryMembers.replay`. */
  replay(subscription: QuerySubscription): boolean {
    return this.#subscribers.replay(subscription);
  }

  /** True where what those who are live know is not just what the window was when they were last told something. */
  get isPartial(): boolean {
    return this.#isPartial || this.#subscribers.pos < this.#exactFrom;
  }

  /** What those who are live know: the same for as long as nothing changes, so that all who drop meanwhile share it. */
  known(): KnownRows {
    this.#known ??= new Map(
      this.window.shown.filter((row) => row !== this.#unannounced).map((row) => [row.r, row]),
    );
    return this.#known;
  }

  #enqueue(change: CommittedChange): void {
    this.#queue.push(change);
    this.#pendingChanges.begin(change.r);
    if (this.#queue.length <= maxQueueLength) return;
    for (const { r } of this.#queue) this.#pendingChanges.end(r);
    this.#queue = [];
    this.#isStale = true;
  }

  #rowRemoved(r: string): void {
    this.#owner.rowRemoved(this, r);
    if (this.#pendingChanges.has(r)) this.#owner.rowExpected(this, r);
  }

  #startWorker(first: Promise<void> | undefined): void {
    this.#isBusy = true;
    this.#inFlight.begin();
    void this.#drain(first);
  }

  /** Never rejects. Between its last look at what there is to do and its end nothing can come. */
  async #drain(first: Promise<void> | undefined): Promise<void> {
    let next: Promise<void> | undefined = first;
    do {
      try {
        await next;
      } catch (error) {
        this.#failAll(error);
      }
      next = this.#next();
    } while (next);
    this.#isBusy = false;
    this.#inFlight.end();
    this.#releaseIfEmpty();
  }

  /** What there is to wait for next; `undefined` where nothing is left to do. */
  #next(): Promise<void> | undefined {
    for (;;) {
      if (this.#isStale) return this.#refill();
      const change = this.#queue.shift();
      if (!change) return undefined;
      const late = this.#apply(change);
      this.#pendingChanges.end(change.r);
      if (late) return late;
      if (this.#queue.length > 0 && this.#context.slice.isOver) return this.#context.slice.rest();
    }
  }

  get #isEmpty(): boolean {
    return this.#subscribers.all.length === 0 && this.#joinRequests.length === 0;
  }

  #releaseIfEmpty(): void {
    if (this.#isEmpty && !this.#isBusy) this.#owner.onEmpty(this);
  }

  #failAll(error: unknown): void {
    this.#owner.loading(this, false);
    const joinRequests = this.#joinRequests;
    this.#joinRequests = [];
    for (const { reject } of joinRequests) reject(error);
    this.#owner.fail([...this.#subscribers.all], error);
  }

  #apply(change: CommittedChange): Promise<void> | undefined {
    if (change.pos <= this.#pos) return undefined;
    const row = this.window.get(change.r);
    if (row && row.rev >= change.rev) return undefined;
    if (change.type === 'delete') {
      if (row) this.#remove(change);
      return undefined;
    }
    const model = modelOf(this.#context, this.traits.scope.names);
    if (!model) {
      this.#failAll(fail('model.unknown'));
      return undefined;
    }
    const view = pushView(model, change.object, this.traits.auth);
    if (view instanceof Promise) return this.#authorizeAsync(change, view);
    this.#applyAuthorized(change, view);
    return undefined;
  }

  async #authorizeAsync(change: CommittedChange, view: Promise<View>): Promise<void> {
    this.#pendingChanges.begin(change.r);
    try {
      this.#applyAuthorized(change, await view);
    } finally {
      this.#pendingChanges.end(change.r);
    }
  }

  #applyAuthorized(change: CommittedChange, view: View): void {
    const { object } = change;
    const row = this.window.get(change.r);
    if (view.kind === 'refused') this.#context.metrics.refusals.add();
    if (view.kind === 'refused' || !this.#matches(visibleBody(object, undefined, view.hidden))) {
      if (row) this.#remove(change);
      return;
    }
    this.#put(change, row, row && isSameList(row.hidden, view.hidden) ? row.hidden : view.hidden);
  }

  #remove(change: CommittedChange): void {
    this.#deliver(
      change,
      this.#edit(change.r, () => this.window.remove(change.r)),
      [],
    );
  }

  #put(change: CommittedChange, row: Row | undefined, hidden: readonly string[]): void {
    const { r, rev, object } = change;
    const place = sortPositionOf(asVisible({ object, hidden }), this.traits.order);
    const visibility = { fields: this.traits.fields, hidden };
    const body = visibleDelta(change.delta, visibility);
    const changedAt = body || !row ? rev : row.changedAt;
    const next: Row = { r, rev, place, hidden, changedAt };
    const windowChange = this.#edit(r, () => this.window.put(next));
    const onceMarker = onceMarkerOf(change);
    this.#deliver(
      change,
      windowChange,
      ownEvents({ onceMarker, change, row, windowChange, body, visibility }),
    );
  }

  /** Changes the rows, once those who are too slow have taken note of what they know. */
  #edit(r: string, edit: () => WindowChange): WindowChange {
    this.#pauseCongested();
    this.#known = undefined;
    const had = this.window.get(r) !== undefined;
    const last = this.window.rows.at(-1);
    const windowChange = edit();
    const has = this.window.get(r) !== undefined;
    if (has && !had) this.#owner.rowAdded(this, r);
    if (had && !has) this.#rowRemoved(r);
    // One that comes in may push the last one out of the reserve.
    if (last && last.r !== r && !this.window.get(last.r)) this.#rowRemoved(last.r);
    return windowChange;
  }

  #pauseCongested(): void {
    this.#subscribers.pauseCongested(() => this.known(), this.isPartial);
  }

  /** Tells what one change did. `own`: of the object itself, if it is in the window now. */
  #deliver(change: CommittedChange, windowChange: WindowChange, own: readonly WindowEvent[]): void {
    const { r, rev, by, pos } = change;
    const { telemetry } = this.#context;
    const events: WindowEvent[] = [];
    if (windowChange.wasIn && !windowChange.isIn) {
      events.push({ evt: 'left', r, rev, by, onceMarker: onceMarkerOf(change) });
    }
    if (windowChange.left)
      events.push({ evt: 'left', r: windowChange.left.r, rev: windowChange.left.rev });
    events.push(...own);
    this.#unannounced = windowChange.entered;
    this.#known = undefined;
    this.#isStale ||= windowChange.entered !== undefined || this.window.isShort;
    // With more to come, what was told is not all that happened up to this position.
    this.#isPartial = this.#isStale;
    const span = events.length > 0 ? telemetry.start(change) : undefined;
    const pushes = this.#subscribers.deliver(events, this.#isStale ? pos - 1 : pos, { at: pos });
    telemetry.record(change, pushes, span);
    if (!this.#owner.hasRoomForRows(0)) this.#failAll(tooManyRows());
  }

  /** Reads the rows anew, and tells the difference to everybody, to each from where it is. */
  async #refill(): Promise<void> {
    this.#isStale = false;
    if (this.#isEmpty) return;
    const model = modelOf(this.#context, this.traits.scope.names);
    if (!model) return this.#failAll(fail('model.unknown'));
    const { joinRequests, pos, hits, after } = await this.#owner.schedule(this, () =>
      this.#read(model),
    );
    if (this.#isRetired) return;
    if (!this.#owner.hasRoomForRows(hits.length - this.window.size)) {
      return this.#failAll(tooManyRows());
    }
    const events = this.#subscribers.hasReceivers
      ? await this.#diff({ known: this.known(), hits, isOtherView: false })
      : [];
    if (this.#isRetired) return;
    // From here to the last joiner in one go: everybody knows the same rows then.
    this.#pauseCongested();
    const before = this.known();
    this.#fill(hits, pos);
    this.#exactFrom = after === pos ? 0 : after;
    const rows = new Map(this.window.shown.map((row) => [row.r, row]));
    this.#subscribers.deliver(events, pos, { difference: { before, events, rows } });
    for (const { resolve } of this.#joinRequests.splice(0, joinRequests)) {
      resolve({ hits: hits.slice(0, this.window.limit), pos, exactFrom: after });
    }
    await this.#catchUpBehind(hits, pos);
  }

  async #read(model: Model) {
    const { store, platform } = this.#context;
    const joinRequests = this.#joinRequests.length;
    this.#owner.loading(this, true);
    const pos = await store.position();
    const hits = await readWithRetry(platform, () =>
      fetchWindow(this.#context, model, this.traits, this.window.capacity),
    );
    return { joinRequests, pos, hits, after: await store.position() };
  }

  #fill(hits: readonly Hit[], pos: Pos): void {
    const rows = hits.map((hit) => rowOf(hit, this.traits.fields));
    const now = new Set(rows.map(({ r }) => r));
    for (const { r } of this.window.rows) if (!now.has(r)) this.#rowRemoved(r);
    for (const { r } of rows) if (!this.window.get(r)) this.#owner.rowAdded(this, r);
    this.window.fill(rows);
    this.#unannounced = undefined;
    this.#known = undefined;
    this.#isPartial = false;
    this.#pos = Math.max(this.#pos, pos);
    this.#owner.loading(this, false);
  }

  async #catchUpBehind(hits: readonly Hit[], pos: Pos): Promise<void> {
    for (const subscription of this.#subscribers.behind()) {
      const { generation } = subscription;
      const known = subscription.known ?? new Map();
      const isOtherView = subscription.view !== this.traits.view;
      const events = await this.#diff({ known, hits, isOtherView });
      if (subscription.generation !== generation || subscription.progress !== 'behind') continue;
      this.#subscribers.catchUp(subscription, events, { shown: this.window.shown, pos });
    }
  }

  /** What waits while the rows are read is told by the difference; its author is to recognize it there, too. */
  #marked(events: WindowEvent[]): WindowEvent[] {
    const own = this.#queue.filter(({ once }) => once !== undefined);
    if (own.length === 0) return events;
    return events.map((event) => {
      const { r, rev } = 'object' in event ? event.object : event;
      const change = own.find((waiting) => waiting.r === r && waiting.rev === rev);
      return change ? { ...event, onceMarker: onceMarkerOf(change) } : event;
    });
  }

  /** What is news to somebody, now that this is what the store has. */
  async #diff(options: Parameters<typeof eventsSince>[2]): Promise<WindowEvent[]> {
    return this.#marked(await eventsSince(this.#context, this.traits, options));
  }
}
