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

/** What a group needs from the feed. */
export interface QueryGroupOwner {
  /** Whether this many more rows may be kept (rule LIM11). */
  hasRoomForRows(more: number): boolean;
  /** The group has a row of this object now. */
  rowAdded(group: QueryGroup, r: string): void;
  /** The group no longer has a row of this object. */
  rowRemoved(group: QueryGroup, r: string): void;
  /** The group has to receive all changes of this object: a pending change may add it. */
  rowExpected(group: QueryGroup, r: string): void;
  /** The pending changes did not add the object. */
  rowUnexpected(group: QueryGroup, r: string): void;
  /** While the group reads its rows, it has to receive all changes. */
  loading(group: QueryGroup, loading: boolean): void;
  fail(subscriptions: readonly QuerySubscription[], cause: unknown): void;
  /** Runs a store read when the limiter allows. Rejects as the read does. */
  schedule<T>(group: QueryGroup, read: () => Promise<T>): Promise<T>;
  /** Every change up to here was dispatched. */
  readonly through: Pos;
  /** The group has no subscribers and no pending joins. */
  onEmpty(group: QueryGroup): void;
}

/** The window at the moment of a join. */
export interface WindowSnapshot {
  readonly hits: readonly Hit[];
  readonly pos: Pos;
  /** Writes up to here, made during the read, may be included. */
  readonly exactFrom: Pos;
}

/** Exactly one of the two callbacks is called, once. */
export interface JoinRequest {
  /** Called synchronously when the group's rows become those of `found`. */
  readonly resolve: (found: WindowSnapshot) => void;
  readonly reject: (error: unknown) => void;
}

/** Queued changes during authorization and reads; beyond this, the store is read instead. */
const maxQueueLength = 4096;

function tooManyRows(): ProtocolError {
  return fail('rate.limited', undefined, { meta: { retryAfter: 1 } });
}

/**
 * One window and its subscribers. Applies changes one at a time, in the order of their positions.
 */
export class QueryGroup {
  readonly traits: QueryGroupTraits;
  readonly window: QueryWindow;
  /** The filters of its index entry. */
  readonly filters: readonly (RqlExpression | undefined)[];
  /** An object with a mistyped value in one of these fields may match whatever the filters say. */
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
  /** The rows have to be read again. */
  #isStale = false;
  #isBusy = false;
  #isRetired = false;
  /** Every change up to here is in the rows. */
  #pos: Pos = 0;
  /**
   * In the window but not sent yet: it came from the reserve, and the store has to be read for it.
   */
  #unannounced: Row | undefined;
  /** See `known`. */
  #known: KnownRows | undefined;
  /**
   * Before this position, the rows may be newer than `#pos`: something was written during the read.
   */
  #exactFrom: Pos = 0;
  /** Part of a change was sent; the rest needs a read of the store. */
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

  /** Applies or queues a change that may concern the window. */
  receive(change: CommittedChange): void {
    if (this.#isBusy) {
      this.#enqueue(change);
      return;
    }
    const pending = this.#apply(change);
    if (pending || this.#isStale) this.#startWorker(pending);
  }

  /** Reads the window again and sends each subscriber the difference. */
  refresh(): void {
    this.#isStale = true;
    if (!this.#isBusy) this.#startWorker(undefined);
  }

  /** Resolves the request with a freshly read window. */
  join(request: JoinRequest): void {
    this.#joinRequests.push(request);
    this.refresh();
  }

  /** Its model was replaced: nobody can join it now, and work in flight is discarded. */
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

  /** How far the live subscribers are: when the group is idle, as far as the dispatcher. */
  get cursor(): WindowCursor {
    const { pos } = this.#subscribers;
    if (this.#isBusy || this.#isStale) return { pos, isExact: !this.isPartial };
    const reachedPos = Math.max(pos, this.#owner.through);
    return { pos: reachedPos, isExact: reachedPos >= this.#exactFrom };
  }

  /** See `WindowSubscribers.activate`. */
  activate(subscription: QuerySubscription, buffered: readonly WindowDelivery[]): void {
    this.#subscribers.activate(subscription, buffered);
    if (subscription.progress === 'behind') this.refresh();
  }

  /** See `WindowSubscribers.replay`. */
  replay(subscription: QuerySubscription): boolean {
    return this.#subscribers.replay(subscription);
  }

  /** True if live subscribers do not know exactly the window at their position. */
  get isPartial(): boolean {
    return this.#isPartial || this.#subscribers.pos < this.#exactFrom;
  }

  /**
   * The rows that live subscribers know. The same object until something changes, so that resumable
   * subscriptions share it.
   */
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

  /** Never rejects. Nothing can be enqueued between its last look at the queue and its end. */
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

  /** The next asynchronous step; `undefined` when there is none left. */
  #next(): Promise<void> | undefined {
    for (;;) {
      if (this.#isStale) return this.#refill();
      const change = this.#queue.shift();
      if (!change) return undefined;
      const pending = this.#apply(change);
      this.#pendingChanges.end(change.r);
      if (pending) return pending;
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

  /** Edits the rows, after paused subscribers have saved what they know. */
  #edit(r: string, edit: () => WindowChange): WindowChange {
    this.#pauseCongested();
    this.#known = undefined;
    const wasPresent = this.window.get(r) !== undefined;
    const last = this.window.rows.at(-1);
    const windowChange = edit();
    const isPresent = this.window.get(r) !== undefined;
    if (isPresent && !wasPresent) this.#owner.rowAdded(this, r);
    if (wasPresent && !isPresent) this.#rowRemoved(r);
    // An inserted row may push the last one out of the reserve.
    if (last && last.r !== r && !this.window.get(last.r)) this.#rowRemoved(last.r);
    return windowChange;
  }

  #pauseCongested(): void {
    this.#subscribers.pauseCongested(() => this.known(), this.isPartial);
  }

  /**
   * Delivers the events of one change. `own`: events of the changed object itself, if it is in the
   * window.
   */
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
    // If a read is pending, not all of this position is sent yet.
    this.#isPartial = this.#isStale;
    const span = events.length > 0 ? telemetry.start(change) : undefined;
    const pushes = this.#subscribers.deliver(events, this.#isStale ? pos - 1 : pos, { at: pos });
    telemetry.record(change, pushes, span);
    if (!this.#owner.hasRoomForRows(0)) this.#failAll(tooManyRows());
  }

  /** Reads the rows again, and sends each subscriber the difference from what it knows. */
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
    // Synchronous up to the last join, so that all know the same rows.
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

  /**
   * A queued change may reach its author as part of the difference, and must carry its once-id
   * there too.
   */
  #marked(events: WindowEvent[]): WindowEvent[] {
    const own = this.#queue.filter(({ once }) => once !== undefined);
    if (own.length === 0) return events;
    return events.map((event) => {
      const { r, rev } = 'object' in event ? event.object : event;
      const change = own.find((waiting) => waiting.r === r && waiting.rev === rev);
      return change ? { ...event, onceMarker: onceMarkerOf(change) } : event;
    });
  }

  /** The events that lead from `known` to what the store has now. */
  async #diff(options: Parameters<typeof eventsSince>[2]): Promise<WindowEvent[]> {
    return this.#marked(await eventsSince(this.#context, this.traits, options));
  }
}
