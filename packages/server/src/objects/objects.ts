import type { Bus } from '../bus/bus.js';
import { defaultLimits, type Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import { type Counter, type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import { TickSlice } from '../platform/scheduling/tick-slice.js';
import type { Store } from '../store/store.js';
import type { StoredObject } from '../store/stored-object.js';
import type { OnceKey } from '../store/write-group.js';
import { BatchRunner } from './batch-runner.js';
import { CommitOrder } from './commit-order.js';
import { Committer, type Settlement } from './committer.js';
import { IdGenerator } from './id-generator.js';
import { ObjectCache } from './object-cache.js';
import { ObjectQueue, PendingWrite, QueuedWrite } from './object-queue.js';
import { OnceGuard } from './once-guard.js';
import { OtherObjects } from './other-objects.js';
import { QueueHolds } from './queue-holds.js';
import { mayHaveWritten, storeFailure, unavailable } from './unavailable.js';
import { BatchSlot, WriteBatch } from './write-batch.js';
import { WritePause } from './write-pause.js';
import type {
  PreparedWrite,
  SingleWriteRequest,
  WriteAllOptions,
  WriteAllResult,
  WriteRequest,
  WriteResult,
} from './write-request.js';
import { WriteTurns } from './write-turns.js';

export interface ObjectsOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Number of this node, 0 to 1023. */
  readonly node?: number | undefined;
  /** The store's `latestChangeTime()` at the start: ids begin after it. */
  readonly idsAfter?: number | undefined;
  readonly limits?: Partial<ObjectsLimits> | undefined;
}

export interface ObjectsLimits
  extends Pick<Limits, 'cachedObjects' | 'cacheBytes' | 'commitWrites' | 'commitBytes'> {
  /** Conflicts with other writers after which a write is given up. */
  readonly conflictRetries: number;
}

/**
 * The objects of an app: their committed state for reads, and a queue for each object that is being
 * written. A queue prepares one request at a time, each on the state that the previous one makes,
 * without waiting until that is on disk; the writes of all queues are committed together.
 *
 * When a commit fails, or refuses a write, everything built on that write is retried from the
 * stored state, and so is everything refused because of it.
 */
export class Objects {
  readonly #store: Store;
  readonly #limits: ObjectsLimits;
  readonly #cache: ObjectCache;
  readonly #ids: IdGenerator;
  readonly #committer: Committer;
  readonly #once: OnceGuard;
  readonly #batches: BatchRunner;
  readonly #queues = new Map<string, ObjectQueue>();
  readonly #others: OtherObjects;
  readonly #holds: QueueHolds;
  readonly #commitOrder = new CommitOrder();
  readonly #pause: WritePause;
  readonly #retries: Counter;
  /** Yields between writes: hundreds may wait in one queue, each on a very large object. */
  readonly #slice: TickSlice;
  readonly #turns: WriteTurns;
  #order = 0;
  #idle: (() => void)[] = [];

  constructor(options: ObjectsOptions) {
    const { store, bus, log, platform, metrics = noMetrics } = options;
    const { clock } = platform;
    const limits = { ...defaultLimits, conflictRetries: 10, ...options.limits };
    this.#store = store;
    this.#slice = new TickSlice(clock);
    this.#limits = limits;
    this.#cache = new ObjectCache(store, limits);
    this.#others = new OtherObjects(this.#queues, this.#cache);
    this.#turns = new WriteTurns(this.#cache, this.#slice);
    this.#ids = new IdGenerator({ platform, node: options.node, after: options.idsAfter });
    this.#once = new OnceGuard(store);
    this.#committer = new Committer({ store, bus, clock, log, metrics, limits });
    this.#retries = metrics.counter(
      'really_write_retries_total',
      'Writes that were prepared again because the state they were built on was not stored.',
    );
    this.#batches = new BatchRunner({
      clock,
      limits,
      cache: this.#cache,
      turns: this.#turns,
      committer: this.#committer,
      once: this.#once,
      others: this.#others,
      reclaim: (batch) => this.#holds.reclaim(batch),
      onRetry: (requests) => this.#retries.add(requests),
    });
    this.#holds = new QueueHolds(platform.timers, {
      queues: () => this.#queues.values(),
      queueOf: (r) => this.#queueOf(r),
      advance: (queue) => this.#advance(queue),
    });
    this.#pause = new WritePause(() => this.drain());
    metrics.observe(
      'really_object_cache_objects',
      'Objects in the object cache.',
      () => this.#cache.count,
    );
    metrics.observe(
      'really_object_cache_bytes',
      'Approximate bytes of the objects in the object cache.',
      () => this.#cache.bytes,
    );
    metrics.observe('really_writes_waiting', 'Writes that wait for a commit.', () => {
      return this.#committer.waiting;
    });
  }

  /** A new id, greater than those before. */
  newId(): string {
    return this.#ids.next();
  }

  /** The time of a change: the clock's, but never before an earlier change or an id of this node. */
  changeTime(): number {
    return this.#ids.changeTime();
  }

  /** The committed object, or its tombstone. Rejects with 503 where the store is unavailable. */
  async head(r: string): Promise<StoredObject | undefined> {
    try {
      return await this.#cache.read(r);
    } catch (error) {
      throw storeFailure(error);
    }
  }

  /**
   * As `head` for each, in the order requested. With `pause`, those that are not in memory are read
   * one after the other, with a pause in between: each may be a megabyte, parsed on this thread.
   */
  async heads(
    rs: readonly string[],
    pause?: () => Promise<void> | undefined,
  ): Promise<(StoredObject | undefined)[]> {
    try {
      return pause ? await this.#cache.readInTurn(rs, pause) : await this.#cache.readMany(rs);
    } catch (error) {
      throw storeFailure(error);
    }
  }

  /**
   * Prepares and writes one revision of one object. Requests of one owner for one R take effect in
   * the order of the calls, and those of several owners nearly so: see `ObjectQueue`. Resolves when
   * the revision is on disk, or with the reason why there is none; rejects with what `prepare` threw,
   * once the state it saw is stored, or with 503.
   */
  write(request: SingleWriteRequest): Promise<WriteResult> {
    const { once } = request;
    if (!once) return this.#enqueue(request);
    return this.#once.guard(once, () => this.#enqueue(request));
  }

  /**
   * Prepares and writes revisions of several objects, all or none. Each request is prepared as by
   * `write`, on the state that the ones before it leave; an object may occur more than once. A
   * batch and its owner's other requests for its Rs take effect in the order of the calls. Resolves
   * when all of it is on disk, or with the reason why nothing is and the request that caused it;
   * rejects with 503.
   */
  async writeAll(
    requests: readonly WriteRequest[],
    options: WriteAllOptions = {},
  ): Promise<WriteAllResult> {
    const { once, erases = [] } = options;
    if (requests.length === 0 && erases.length === 0) return { kind: 'committed', writes: [] };
    if (!once) return await this.#enqueueAll(requests, options);
    return await this.#once.guard(once, () => this.#enqueueAll(requests, options));
  }

  /** As `heads`, at once where all of them are in memory. */
  headsAtOnce(
    rs: readonly string[],
  ): readonly (StoredObject | undefined)[] | Promise<readonly (StoredObject | undefined)[]> {
    return this.#cache.inMemory(rs) ?? this.heads(rs);
  }

  /** The object, or what was committed of it since it was read. */
  newest(object: StoredObject): StoredObject {
    return this.#cache.newest(object);
  }

  /** To be waited for between steps of long work, until there is time for this owner; nothing while this tick has some left. */
  timeFor(owner: string): Promise<void> | undefined {
    return this.#slice.isOver ? this.#slice.rest(owner) : undefined;
  }

  /**
   * Resolves when it is the owner's turn to work on a large object: one in a turn of the event loop,
   * so that others are served in between (rule LIM45).
   */
  largeTurn(owner: string): Promise<void> {
    return this.#turns.large(owner);
  }

  /** See `Committer.published`. */
  published(): Promise<void> {
    return this.#committer.published();
  }

  /** Resolves when no write is in progress and everything is published. */
  async drain(): Promise<void> {
    while (this.#queues.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#committer.drained();
  }

  /** Call when the models of these collections were replaced: from now on, their objects are read as of the new ones. */
  modelsReplaced(collections: ReadonlySet<string>): void {
    this.#cache.forgetCollections(collections);
  }

  /**
   * Runs `work` while no write is prepared or committed: requests that arrive meanwhile wait, and
   * are prepared afterwards on objects as the store has them then.
   */
  async withWritesPaused(work: () => Promise<void>): Promise<void> {
    await this.#pause.during(async () => {
      await work();
      this.#cache.clear();
    });
  }

  #enqueue(request: SingleWriteRequest): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#pause.admit(() => {
        const queue = this.#queueOf(request.r);
        const queued = new QueuedWrite(request, this.#order++, resolve, reject);
        if (request.orderKey) this.#commitOrder.enter(queued, request.orderKey);
        queue.waiting.push(queued);
        if (!queue.aside.has(queued.owner)) this.#advance(queue);
      });
    });
  }

  #enqueueAll(
    requests: readonly WriteRequest[],
    options: WriteAllOptions,
  ): Promise<WriteAllResult> {
    return new Promise((resolve, reject) => {
      this.#pause.admit(() => {
        const batch = new WriteBatch(this.#order++, requests, options);
        batch.onHeld = () => {
          const result = this.#batches.run(batch).then(resolve, reject);
          void result.then(() => this.#endBatch(batch));
        };
        this.#enterBatch(batch);
      });
    });
  }

  #enterBatch(batch: WriteBatch): void {
    if (batch.slots.length === 0) batch.onHeld();
    for (const { slot, orderKey } of batch.orderSlots) this.#commitOrder.enter(slot, orderKey);
    const queues = batch.slots.map((slot) => {
      const queue = this.#queueOf(slot.r);
      queue.waiting.push(slot);
      return queue;
    });
    for (const queue of queues) if (!queue.aside.has(batch.owner)) this.#advance(queue);
  }

  #queueOf(r: string): ObjectQueue {
    const known = this.#queues.get(r);
    if (known) return known;
    const queue = new ObjectQueue(r);
    this.#queues.set(r, queue);
    return queue;
  }

  /** Prepares the next request of a queue, if that is possible now. */
  #advance(queue: ObjectQueue): void {
    if (queue.preparing) {
      this.#holds.contend(queue);
      return;
    }
    const queued = queue.next;
    if (!queued) {
      if (queue.empty) this.#removeQueue(queue);
      return;
    }
    const base = queue.pending.at(-1);
    // With other writers, a lost conflict may put a foreign revision below pending writes: build on
    // committed states only.
    if (base && (queued instanceof BatchSlot || queued.committedOnly || !this.#store.isSoleWriter))
      return;
    queue.take(queued);
    this.#holds.watch(queue);
    if (queued instanceof BatchSlot) this.#holds.arrive(queued);
    else void this.#try(queued, queue, base);
  }

  #removeQueue(queue: ObjectQueue): void {
    this.#queues.delete(queue.r);
    if (this.#queues.size > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  #endBatch(batch: WriteBatch): void {
    batch.end();
    for (const slot of batch.slots) {
      const queue = this.#queueOf(slot.r);
      queue.leave(slot);
      queue.moves += 1;
      this.#advance(queue);
    }
  }

  /** Prepares and submits a request, and then the next one of its queue. Never rejects. */
  async #try(
    queued: QueuedWrite,
    queue: ObjectQueue,
    base: PendingWrite | undefined,
  ): Promise<void> {
    const { once, prepare } = queued.request;
    const { moves } = queue;
    let isAgain = false;
    try {
      const stored = base ? base.write.object : this.#stored(queued);
      const head = stored instanceof Promise ? await stored : stored;
      const isRepeated = once !== undefined && (await this.#isRepeated(queued, once, base));
      const write = isRepeated ? undefined : await prepare(head, ...this.#others.seenBy(queued));
      const before = queued.predecessorTried();
      if (before) await before;
      if (!write) return;
      if (base?.dropped) this.#retry(queue, [queued]);
      else if (queue.isCurrent(queued, moves)) this.#submit(queue, queued, write);
      else if (this.#mayRetry(queued)) {
        this.#retry(queue, [queued]);
        isAgain = true;
      }
    } catch (error) {
      this.#refuse(queue, queued, base, storeFailure(error));
      // Requests behind this one in the commit order wait for those before it, too.
      await queued.predecessorTried();
    } finally {
      // Its owner's later requests still build on what is prepared again because of others.
      if (!isAgain) queued.markTried();
      const isWaitedFor = queue.preparing === queued && queue.waiting.length > 0;
      if (isWaitedFor && this.#slice.isOver) await this.#slice.rest();
      queue.leave(queued);
      this.#advance(queue);
    }
  }

  /** Answers the request where its once-key was used before. */
  async #isRepeated(
    queued: QueuedWrite,
    once: OnceKey,
    base: PendingWrite | undefined,
  ): Promise<boolean> {
    const first = await this.#once.lookUp(once);
    if (!first) return false;
    await base?.whenEnded();
    queued.resolve({ kind: 'repeated', first });
    return true;
  }

  /** At once if it is in memory. */
  #stored({
    request,
    conflicts,
  }: QueuedWrite): StoredObject | undefined | Promise<StoredObject | undefined> {
    if (request.fresh && conflicts === 0) return undefined;
    return this.#cache.known(request.r) ?? this.#turns.load(request.r, request);
  }

  #submit(queue: ObjectQueue, queued: QueuedWrite, write: PreparedWrite): void {
    const pending = new PendingWrite(queued, write, (settled, settlement) => {
      this.#settle(queue, settled, settlement);
    });
    queue.pending.push(pending);
    queue.moves += 1;
    this.#committer.add(pending);
  }

  /** A refusal counts once the state that it is based on is stored. */
  #refuse(
    queue: ObjectQueue,
    queued: QueuedWrite,
    base: PendingWrite | undefined,
    error: unknown,
  ): void {
    if (base?.state === 'waiting') base.refused.push({ queued, error });
    else if (base?.dropped) this.#retry(queue, [queued]);
    else queued.reject(error);
  }

  #retry(queue: ObjectQueue, queuedWrites: readonly QueuedWrite[]): void {
    this.#retries.add(queuedWrites.length);
    queue.restore(queuedWrites);
  }

  #settle(queue: ObjectQueue, pending: PendingWrite, settlement: Settlement): void {
    // Dropped while its commit ran: the store refused it together with the write it was built on.
    if (pending.dropped) return;
    if (settlement.kind === 'committed')
      this.#committed(queue, pending, settlement.positions[0] ?? 0);
    else this.#notCommitted(queue, pending, settlement);
    this.#advance(queue);
  }

  #committed(queue: ObjectQueue, pending: PendingWrite, pos: number): void {
    const { queued, write } = pending;
    queue.pending.shift();
    this.#cache.committed(write.object);
    for (const { object } of write.sideWrites ?? []) this.#cache.forget(object.r);
    pending.end('committed');
    queued.resolve({ kind: 'committed', write, pos });
    for (const { queued: refused, error } of pending.refused) refused.reject(error);
  }

  #notCommitted(
    queue: ObjectQueue,
    pending: PendingWrite,
    settlement: Exclude<Settlement, { kind: 'committed' }>,
  ): void {
    const dropped = queue.dropPending();
    const toRetry = dropped.flatMap(({ refused }) => refused.map(({ queued }) => queued));
    for (const { queued, begun, write } of dropped) {
      if (settlement.kind === 'failed' && begun) {
        for (const { object } of write.sideWrites ?? []) this.#cache.forget(object.r);
        if (mayHaveWritten(settlement.error)) this.#cache.forget(queue.r);
        queued.reject(storeFailure(settlement.error));
      } else if (queued !== pending.queued) toRetry.push(queued);
    }
    if (settlement.kind === 'repeated') pending.queued.resolve(settlement);
    else if (settlement.kind === 'refused') {
      const { refusal } = settlement;
      if (refusal.kind === 'changed') this.#cache.forget(refusal.r);
      if (refusal.kind === 'conflict' || refusal.kind === 'changed') {
        this.#cache.forget(queue.r);
        if (this.#mayRetry(pending.queued)) toRetry.push(pending.queued);
      } else pending.queued.resolve(refusal);
    }
    if (toRetry.length > 0) this.#retry(queue, toRetry);
  }

  /** Counts a conflict. False where there were too many: the request is answered. */
  #mayRetry(queued: QueuedWrite): boolean {
    queued.conflicts += 1;
    if (queued.conflicts <= this.#limits.conflictRetries) return true;
    queued.reject(unavailable());
    return false;
  }
}
