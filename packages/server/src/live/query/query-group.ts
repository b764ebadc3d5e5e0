import { compilePredicate, fail, type Predicate, type RqlExpression } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { ruleToRql } from '../../model/rules/rule-to-rql.js';
import { visibleBody } from '../../model/view/view.js';
import { unavailable } from '../../objects/unavailable.js';
import type { Steps } from '../../platform/scheduling/tick-slice.js';
import { FilterScans } from '../../queries/filter-scans.js';
import { ownerOf } from '../../queries/owner.js';
import type { StoredFieldType } from '../../store/collection-layout.js';
import type { CommittedChange, Pos } from '../../store/stored-object.js';
import { readWithRetry } from '../catch-up/read-with-retry.js';
import { runSteps } from '../catch-up/run-steps.js';
import { type LiveContext, modelOf } from '../live-context.js';
import { type RevisionView, viewNow } from '../push/view-now.js';
import { isSameList } from '../push/visibility.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';
import type { UserUsage } from '../registry/user-usages.js';
import { DeliveredWindow, type WindowEdit } from './delivered-window.js';
import { fetchWindow } from './fetch-window.js';
import type { JoinRequest, QueryGroupOwner } from './query-group-owner.js';
import { isWithin, type QueryGroupTraits } from './query-group-traits.js';
import type { KnownWindow, QuerySubscription } from './query-subscription.js';
import { QueryWindow, type WindowChange } from './query-window.js';
import { shortPosition } from './short-position.js';
import { eventsSince, type FoundWindow, foundWindow, markedEvents } from './window-diff.js';
import { type ChangedRow, changedRow, type WindowEvent, windowEventsOf } from './window-event.js';
import { WindowSubscribers } from './window-subscribers.js';

/**
 * What a group is doing:
 *
 * - `idle`: its rows are up to date, and changes are applied as they come;
 * - `busy`: a change waits for its authorization, or the store is read; others are queued;
 * - `stale`: as `busy`, and its rows have to be read before queued changes are applied;
 * - `discarding`: its model was replaced, or everybody left, while it was busy, and what is in
 *   flight will be discarded;
 * - `retired`: as `discarding`, and nothing is in flight.
 *
 *     idle ⇄ busy,  idle | busy ──▶ stale ──▶ busy
 *     idle ──▶ retired,  busy | stale ──▶ discarding ──▶ retired
 */
type GroupState = 'idle' | 'busy' | 'stale' | 'discarding' | 'retired';

const unchanged: WindowEdit = { wasIn: false, isIn: false };

/** Queued changes during authorization and reads; beyond this, the store is read instead. */
const maxQueueLength = 4096;

/** One window and its subscribers. Applies changes one by one, in the order of their positions. */
export class QueryGroup {
  readonly traits: QueryGroupTraits;
  readonly window: QueryWindow;
  /** The filters of its index entry. */
  readonly filters: readonly (RqlExpression | undefined)[];
  /** An object with a mistyped value in one of these fields may match whatever the filters say. */
  readonly assumes: readonly StoredFieldType[];
  readonly scans: FilterScans;
  readonly #context: LiveContext;
  readonly #owner: QueryGroupOwner<QueryGroup>;
  readonly #subscribers: WindowSubscribers;
  readonly #delivered: DeliveredWindow;
  readonly #matches: Predicate;
  #queue: CommittedChange[] = [];
  /**
   * How many changes of each object are queued or in flight. Until they are applied, nobody knows
   * whether the next change of the object concerns the window. Made when there is one.
   */
  #pending: Map<string, number> | undefined;
  readonly #joinRequests: JoinRequest[] = [];
  /** Who asked for the next read, and is charged for it; `undefined`: others wrote. */
  #askedBy: SubscriptionOwner | undefined;
  /** Drops the read that waits for its turn. */
  #dropRead: (() => void) | undefined;
  #state: GroupState = 'idle';
  /** Every change up to here is in the rows. */
  #pos: Pos = 0;
  /** The rest of a delivery to many subscribers. */
  #sending: Promise<void> | undefined;

  constructor(
    context: LiveContext,
    deps: { owner: QueryGroupOwner<QueryGroup>; model: Model },
    traits: QueryGroupTraits,
  ) {
    this.#context = context;
    this.#owner = deps.owner;
    this.traits = traits;
    this.window = new QueryWindow(traits);
    this.#delivered = new DeliveredWindow(this.window);
    this.#subscribers = new WindowSubscribers(traits, context);
    this.#matches = traits.filter ? compilePredicate(traits.filter) : () => true;
    this.scans = new FilterScans(traits.filter);
    const rule = ruleToRql(deps.model, traits.auth, traits.finder?.known);
    this.filters = [traits.filter, rule?.kind === 'filter' ? rule.filter : undefined];
    this.assumes = rule?.kind === 'filter' ? rule.assumes : [];
  }

  get subscribers(): number {
    return this.#subscribers.members.length;
  }

  /** Applies or queues a change that may concern the window. */
  receive(change: CommittedChange): void {
    if (this.#state !== 'idle') {
      this.#enqueue(change);
      return;
    }
    let pending: Promise<void> | undefined;
    try {
      pending = this.#apply(change);
    } catch (error) {
      this.#failAll(error);
    }
    if (pending || this.#isStale || this.#sending) this.#startWorker(pending);
  }

  /** Reads the window again and sends each subscriber the difference. `askedBy`: see there. */
  refresh(askedBy?: SubscriptionOwner): void {
    this.#askedBy ??= askedBy;
    const isIdle = this.#state === 'idle';
    this.#becomeStale();
    if (isIdle) this.#startWorker(undefined);
  }

  /** Resolves the request with a freshly read window. */
  join(request: JoinRequest): void {
    this.#joinRequests.push(request);
    this.refresh(request.session);
  }

  /** Its model was replaced, or everybody left: nobody can join it now, and work in flight is discarded. */
  retire(): void {
    this.#state = this.#isIdle ? 'retired' : 'discarding';
    this.#queue = [];
    this.#dropRead?.();
    for (const { reject } of this.#joinRequests.splice(0)) reject(unavailable());
  }

  /** Those who have the window; `isJoining`: or will, when it is read. */
  users({ isJoining }: { isJoining: boolean }): Set<UserUsage> {
    const users = new Set(this.#subscribers.members.map(({ session }) => session.usage));
    if (isJoining) for (const { session } of this.#joinRequests) users.add(session.usage);
    return users;
  }

  /** Its rows, and objects with changes that it has not applied. */
  *tracked(): Iterable<string> {
    for (const { r } of this.window.rows) yield r;
    if (this.#pending) yield* this.#pending.keys();
  }

  attach(subscription: QuerySubscription): void {
    this.#subscribers.add(subscription);
  }

  detach(subscription: QuerySubscription): void {
    this.#subscribers.remove(subscription);
    this.releaseIfEmpty();
  }

  /** See `WindowSubscribers.start`. */
  start(subscription: QuerySubscription): void {
    this.#subscribers.start(subscription, () => this.#delivered.rows);
    if (subscription.progress === 'behind') this.refresh(subscription.session);
  }

  /** What a live subscriber knows. In an idle group, all are as far as the dispatcher. */
  knownBy(subscription: QuerySubscription): KnownWindow {
    const before = this.#subscribers.knownBefore(subscription);
    if (before) return before;
    const { pos } = this.#subscribers;
    return this.#delivered.at(this.#isIdle ? Math.max(pos, this.#owner.through) : pos);
  }

  hasReceived(subscription: QuerySubscription): boolean {
    return this.#subscribers.knownBefore(subscription) === undefined;
  }

  /** Whether nothing is in flight. */
  get #isIdle(): boolean {
    return this.#state === 'idle' || this.#state === 'retired';
  }

  get #isDiscarding(): boolean {
    return this.#state === 'discarding';
  }

  get #isStale(): boolean {
    return this.#state === 'stale';
  }

  #becomeStale(): void {
    if (this.#state === 'idle' || this.#state === 'busy') this.#state = 'stale';
  }

  #enqueue(change: CommittedChange): void {
    this.#queue.push(change);
    this.#expect(change.r);
    if (this.#queue.length <= maxQueueLength) return;
    for (const { r } of this.#queue) this.#settle(r);
    this.#queue = [];
    this.#becomeStale();
  }

  #expect(r: string): void {
    this.#pending ??= new Map();
    this.#pending.set(r, (this.#pending.get(r) ?? 0) + 1);
    this.#owner.track(this, r);
  }

  /** Call once for each `#expect`. */
  #settle(r: string): void {
    const remaining = (this.#pending?.get(r) ?? 1) - 1;
    if (remaining > 0) this.#pending?.set(r, remaining);
    else {
      this.#pending?.delete(r);
      if (!this.window.get(r)) this.#owner.untrack(this, r);
    }
  }

  #rowAdded(r: string): void {
    this.#owner.countRows(this, 1);
    this.#owner.track(this, r);
  }

  #rowRemoved(r: string): void {
    this.#owner.countRows(this, -1);
    if (!this.#pending?.has(r)) this.#owner.untrack(this, r);
  }

  #startWorker(first: Promise<void> | undefined): void {
    if (this.#state === 'idle') this.#state = 'busy';
    void runSteps(this.#context.inFlight, {
      first,
      next: () => this.#next(),
      onError: (error) => this.#failAll(error),
      onEnd: () => {
        this.#state = this.#state === 'discarding' ? 'retired' : 'idle';
        this.releaseIfEmpty();
      },
    });
  }

  #next(): Promise<void> | undefined {
    for (;;) {
      const sending = this.#sending;
      this.#sending = undefined;
      if (sending) return sending;
      if (this.#isStale) return this.#refill();
      const change = this.#queue.shift();
      if (!change) return undefined;
      const pending = this.#apply(change);
      this.#settle(change.r);
      if (pending) return pending;
      if (!this.#sending && this.#queue.length > 0 && this.#context.slice.isOver)
        return this.#context.slice.rest();
    }
  }

  get #isEmpty(): boolean {
    return this.#subscribers.isEmpty && this.#joinRequests.length === 0;
  }

  /** Also while it is busy: its read may have to wait for long, and nobody waits for it. */
  releaseIfEmpty(): void {
    if (!this.#isEmpty) return;
    if (!this.#isIdle) this.retire();
    this.#owner.onEmpty(this);
  }

  /** Nothing is sent to anybody until all have failed. */
  #failAll(error: unknown): void {
    this.#sending = this.#context.slice.run(this.#fail(error));
  }

  #fail(error: unknown): Steps {
    this.#owner.loading(this, false);
    for (const { reject } of this.#joinRequests.splice(0)) reject(error);
    return this.#subscribers.endAll(this.#owner.failing(error));
  }

  #apply(change: CommittedChange): Promise<void> | undefined {
    if (change.pos <= this.#pos) return undefined;
    const row = this.window.get(change.r);
    if (row && row.rev >= change.rev) return undefined;
    if (change.type === 'delete') {
      this.#remove(change);
      return undefined;
    }
    const model = modelOf(this.#context, this.traits.scope.names);
    if (!model) {
      this.#failAll(fail('model.unknown'));
      return undefined;
    }
    const sight = viewNow(this.#context, model, change.object, this.traits);
    if (sight instanceof Promise) return this.#authorizeAsync(change, sight);
    this.#applyAuthorized(change, sight);
    return undefined;
  }

  async #authorizeAsync(change: CommittedChange, sight: Promise<RevisionView>): Promise<void> {
    this.#expect(change.r);
    try {
      this.#applyAuthorized(change, await sight);
    } finally {
      this.#settle(change.r);
    }
  }

  #applyAuthorized(change: CommittedChange, sight: RevisionView): void {
    const changed = this.#rowAfter(change, sight);
    if (changed === 'unknown') this.#readInstead(change);
    else if (!changed) this.#remove(change);
    else {
      const windowEdit = this.#edit(change.r, () => this.window.put(changed.row));
      this.#deliver(change, windowEdit, changed);
    }
  }

  /** What the query matches after a change; `unknown`: only the store knows. */
  #rowAfter(
    change: CommittedChange,
    { object, view }: RevisionView,
  ): ChangedRow | 'unknown' | undefined {
    if (view.kind === 'refused') {
      this.#context.metrics.refusals.add();
      return undefined;
    }
    // A later revision, which alone is visible, enters when its change comes.
    if (object !== change.object) return undefined;
    const body = visibleBody(object, undefined, view.hidden);
    if (this.scans.areLong(body)) return 'unknown';
    if (!this.#matches(body)) return undefined;
    const before = this.window.get(change.r);
    const isSame = before && isSameList(before.hidden, view.hidden);
    const hidden = isSame ? before.hidden : view.hidden;
    const changed = changedRow(this.traits, change, { object, before, hidden });
    if (!isWithin(this.traits, changed.row.place)) return undefined;
    const place = shortPosition(changed.row.place, { object, order: this.traits.order });
    const row = { ...changed.row, place };
    return this.window.canPut(row) ? { ...changed, row } : 'unknown';
  }

  /** The difference, which follows, tells the change. */
  #readInstead(change: CommittedChange): void {
    this.#becomeStale();
    this.#enqueue(change);
    this.#deliver(change, unchanged);
  }

  #remove(change: CommittedChange): void {
    const { r } = change;
    if (!this.window.get(r)) return;
    const windowEdit = this.#edit(r, () => this.window.remove(r));
    this.#deliver(change, windowEdit);
  }

  #edit(r: string, edit: () => WindowChange): WindowEdit {
    const wasPresent = this.window.get(r) !== undefined;
    const last = this.window.rows.at(-1);
    const windowEdit = this.#delivered.edited(r, this.#subscribers.pos, edit);
    const isPresent = this.window.get(r) !== undefined;
    if (isPresent && !wasPresent) this.#rowAdded(r);
    if (wasPresent && !isPresent) this.#rowRemoved(r);
    // An inserted row may push the last one out of the reserve.
    if (last && last.r !== r && !this.window.get(last.r)) this.#rowRemoved(last.r);
    return windowEdit;
  }

  /** Delivers the events of one change. */
  #deliver(change: CommittedChange, windowEdit: WindowEdit, changed?: ChangedRow): void {
    const { entered } = windowEdit;
    const events = windowEventsOf(change, windowEdit, changed);
    if (entered || this.window.isShort) this.#becomeStale();
    // If a read is pending, not all of this position is sent yet.
    if (this.#isStale) this.#delivered.partly(entered);
    const steps = this.#push(change, events, windowEdit.before);
    const hasRoom = this.#owner.makeRoomForRows(this, 0);
    this.#sending = this.#context.slice.run(hasRoom ? steps : this.#failAfter(steps));
  }

  /** Its rows do not count meanwhile, so that no other window has to fail for them. */
  *#failAfter(steps: Steps): Steps {
    this.#owner.ending(this, true);
    try {
      yield* steps;
      yield* this.#fail(fail.rateLimited());
    } finally {
      // Somebody may have joined it.
      this.#owner.ending(this, false);
    }
  }

  *#push(
    change: CommittedChange,
    events: readonly WindowEvent[],
    before: WindowEdit['before'],
  ): Steps {
    const { telemetry } = this.#context;
    const pos = this.#isStale ? change.pos - 1 : change.pos;
    if (before && events.length > 0) {
      const span = telemetry.start(change);
      const pushes = yield* this.#subscribers.deliver(events, pos, { before, at: change.pos });
      telemetry.record(change, pushes, span);
    } else this.#subscribers.skipTo(pos);
  }

  /** Reads the rows again, and sends each subscriber the difference from what it knows. */
  async #refill(): Promise<void> {
    this.#state = 'busy';
    if (this.#isEmpty) return;
    const model = modelOf(this.#context, this.traits.scope.names);
    if (!model) return this.#failAll(fail('model.unknown'));
    const { rightsClock } = this.#context;
    const authorizedAt = rightsClock.timeOf(model);
    const askedBy = this.#askedBy;
    this.#askedBy = undefined;
    const subscriber = this.#subscribers.reader;
    const payer = askedBy ?? subscriber;
    const owner = payer ? ownerOf(payer.pushTarget) : this.traits.owner;
    // A user with many reads waiting may join: the other subscribers do not wait for his turn.
    const inTurn = this.#subscribers.hasReceivers ? subscriber : payer;
    const { result, drop } = this.#owner.schedule(inTurn?.usage, () =>
      this.#read(model, { owner, isCharged: askedBy !== undefined }),
    );
    this.#dropRead = drop;
    const read = await result.finally(() => {
      this.#dropRead = undefined;
    });
    if (!read || this.#isDiscarding) return;
    const { joinRequests, pos, hits, after } = read;
    if (!this.#owner.makeRoomForRows(this, hits.length - this.window.size)) {
      return this.#failAll(fail.rateLimited());
    }
    const found = foundWindow(hits, this.traits);
    const events = this.#subscribers.hasReceivers
      ? await this.#diff(model, { known: this.#delivered.rows, found, isOtherView: false })
      : [];
    if (this.#isDiscarding) return;
    const before = this.#delivered.at(this.#subscribers.pos);
    this.#fill(found, pos);
    this.#delivered.wasRead(pos, after);
    // The rows may have changes in them up to `after`, which will not be sent again. Until the last
    // join no other change is applied, so that all know the same rows.
    const delivery = this.#subscribers.deliver(events, pos, {
      before: () => before,
      difference: { before: before.rows, events },
      at: after,
    });
    await this.#context.slice.run(delivery);
    // Those who join have to be authorized again.
    if (rightsClock.timeOf(model) !== authorizedAt) this.#becomeStale();
    for (const { resolve } of this.#joinRequests.splice(0, joinRequests)) {
      resolve({ hits: hits.slice(0, this.window.limit), pos, exactFrom: after });
    }
    await this.#catchUpBehind(model, found, { pos, at: after });
  }

  async #read(model: Model, charge: { readonly owner: string; readonly isCharged: boolean }) {
    const { store, platform } = this.#context;
    const joinRequests = this.#joinRequests.length;
    this.#owner.loading(this, true);
    const pos = await store.position();
    const search = { ...this.traits, ...charge };
    const hits = await readWithRetry(platform, () =>
      fetchWindow(this.#context, model, search, this.window.capacity),
    );
    return { joinRequests, pos, hits, after: await store.position() };
  }

  #fill(found: FoundWindow, pos: Pos): void {
    const { order } = this.traits;
    const rows = found.rows.map((row) => {
      const object = found.objects.get(row.r);
      return object ? { ...row, place: shortPosition(row.place, { object, order }) } : row;
    });
    const now = new Set(rows.map(({ r }) => r));
    for (const { r } of this.window.rows) if (!now.has(r)) this.#rowRemoved(r);
    for (const { r } of rows) if (!this.window.get(r)) this.#rowAdded(r);
    this.window.fill(rows);
    this.#pos = Math.max(this.#pos, pos);
    this.#owner.loading(this, false);
  }

  async #catchUpBehind(
    model: Model,
    found: FoundWindow,
    read: { pos: Pos; at: Pos },
  ): Promise<void> {
    const { slice } = this.#context;
    for (const lagging of this.#subscribers.behind()) {
      if (this.#isDiscarding || this.#subscribers.isEmpty) return;
      const { known, isOtherView } = lagging;
      // They were ahead: what they know may be newer than these hits.
      if (known.pos > read.pos) {
        this.#becomeStale();
        continue;
      }
      const events = await this.#diff(model, { known: known.rows, found, isOtherView });
      await slice.run(this.#subscribers.catchUp(lagging, events, read));
      if (slice.isOver) await slice.rest();
    }
  }

  /** The events that lead from `known` to what the store has now. */
  async #diff(model: Model, options: Parameters<typeof eventsSince>[3]): Promise<WindowEvent[]> {
    const events = await eventsSince(this.#context, model, this.traits, options);
    return markedEvents(events, this.#queue);
  }
}
