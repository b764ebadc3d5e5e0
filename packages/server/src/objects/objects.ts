import type { Bus } from '../bus/bus.js';
import type { Log } from '../platform/log.js';
import { type Counter, type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import { TurnSlice } from '../platform/turn-slice.js';
import { type Store, type StoredObject, StoreUnavailable } from '../store/store.js';
import { Batch, Seat } from './batch.js';
import { BatchRunner } from './batch-runner.js';
import { Committer, type Settlement } from './committer.js';
import { Heads } from './heads.js';
import { Ids } from './ids.js';
import { Lanes } from './lanes.js';
import { Job, Line, Pending } from './line.js';
import { OnceKeys } from './once-keys.js';
import { storeFailure, unavailable } from './unavailable.js';
import type {
  PreparedWrite,
  SingleWriteRequest,
  WriteAllOptions,
  WriteAllResult,
  WriteRequest,
  WriteResult,
} from './write-request.js';

export interface ObjectsOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Number of this node, 0 to 1023. */
  readonly node?: number | undefined;
  /** What `store.newest()` said at the start: ids begin after it. */
  readonly idsAfter?: number | undefined;
  readonly limits?: Partial<ObjectsLimits> | undefined;
}

export interface ObjectsLimits {
  /** Objects whose state is kept in memory. */
  readonly heads: number;
  /** Bytes that these may take, about. */
  readonly headBytes: number;
  /** Writes of one commit. */
  readonly commitWrites: number;
  /** Bytes of one commit, about. */
  readonly commitBytes: number;
  /** Races that a write may lose against other nodes before it is given up. */
  readonly races: number;
}

export const defaultObjectsLimits: ObjectsLimits = {
  heads: 100_000,
  headBytes: 128 * 1024 * 1024,
  commitWrites: 256,
  commitBytes: 8 * 1024 * 1024,
  races: 10,
};

/**
 * The objects of an app: their committed state for reads, and one line for each object that is being
 * written. In a line one request at a time is judged, each on the state that the one before it makes,
 * without waiting until that is on disk; the commits of all lines go together.
 *
 * When a commit fails, or refuses a write, whatever was built on that write is started again from the
 * stored state, and so is whatever was refused because of it.
 */
export class Objects {
  readonly #store: Store;
  readonly #platform: Platform;
  readonly #limits: ObjectsLimits;
  readonly #heads: Heads;
  readonly #ids: Ids;
  readonly #committer: Committer;
  readonly #once: OnceKeys;
  readonly #batches: BatchRunner;
  readonly #lines = new Map<string, Line>();
  readonly #lanes = new Lanes();
  readonly #restarts: Counter;
  /** Hundreds of writes may wait in one line, each on an object as large as may be. */
  readonly #slice: TurnSlice;
  #order = 0;
  #lastAt = 0;
  #idle: (() => void)[] = [];
  /** Set while everything new has to wait, in its order. */
  #heldBack: (() => void)[] | undefined;
  #exchange: Promise<void> | undefined;

  constructor(options: ObjectsOptions) {
    const { store, platform, metrics = noMetrics } = options;
    const limits = { ...defaultObjectsLimits, ...options.limits };
    this.#store = store;
    this.#platform = platform;
    this.#slice = new TurnSlice(platform.clock);
    this.#limits = limits;
    this.#heads = new Heads({ store, count: limits.heads, bytes: limits.headBytes });
    this.#ids = new Ids({ platform, node: options.node, after: options.idsAfter });
    this.#once = new OnceKeys(store);
    this.#committer = new Committer({
      store,
      bus: options.bus,
      clock: platform.clock,
      log: options.log,
      metrics,
      writes: limits.commitWrites,
      bytes: limits.commitBytes,
    });
    this.#restarts = metrics.counter(
      'really_write_restarts_total',
      'Writes that were judged again, because what they built on was not stored.',
    );
    this.#batches = new BatchRunner({
      clock: platform.clock,
      heads: this.#heads,
      committer: this.#committer,
      once: this.#once,
      look: (rs, order) => this.#look(rs, order),
      races: limits.races,
      bytes: limits.commitBytes,
      onRestart: (requests) => this.#restarts.add(requests),
    });
    metrics.observe('really_heads', 'Objects in memory.', () => this.#heads.count);
    metrics.observe('really_heads_bytes', 'About what they take.', () => this.#heads.bytes);
    metrics.observe('really_writes_waiting', 'Writes that wait for a commit.', () => {
      return this.#committer.waiting;
    });
  }

  /** A new id, greater than those before. */
  newId(): string {
    return this.#ids.next();
  }

  /** The time of a change: that of the clock, but never behind an earlier change or an id of this node. */
  changeTime(): number {
    const now = Math.floor(this.#platform.clock.now());
    this.#lastAt = Math.max(now, this.#lastAt, this.#ids.lastAt);
    return this.#lastAt;
  }

  /** The object as committed, a tombstone included. Rejects with 503 where the store is away. */
  async head(r: string): Promise<StoredObject | undefined> {
    try {
      return await this.#heads.read(r);
    } catch (error) {
      throw storeFailure(error);
    }
  }

  /** As `head` for each, in the order asked for. */
  async heads(rs: readonly string[]): Promise<(StoredObject | undefined)[]> {
    try {
      return await this.#heads.readMany(rs);
    } catch (error) {
      throw storeFailure(error);
    }
  }

  /**
   * Judges and writes one revision of one object. Requests for one R take effect in the order of the
   * calls. Resolves when the revision is on disk, or with the reason why there is none; rejects with
   * what `prepare` threw, once that stands on stored ground, or with 503.
   */
  async write(request: SingleWriteRequest): Promise<WriteResult> {
    const { once } = request;
    if (!once) return await this.#enqueue(request);
    return await this.#once.guard(once, () => this.#enqueue(request));
  }

  /**
   * Judges and writes revisions of several objects, all or none. Each request is judged as `write` would
   * judge it, on the state that the ones before it leave, and an object may be there more than once.
   * With other requests for its Rs a batch takes effect in the order of the calls. Resolves when all
   * of it is on disk, or with the reason why nothing is, and which request it was; rejects with 503.
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

  /** See `Committer.told`. */
  async told(): Promise<void> {
    await this.#committer.told();
  }

  /** Resolves when nothing is being written and the bus was told of everything. */
  async drain(): Promise<void> {
    while (this.#lines.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#committer.drained();
  }

  /**
   * Runs `work` at a moment when nothing is being judged or written: what comes meanwhile waits, and is judged afterwards,
   * on objects as the store has them then.
   */
  async exchange(work: () => Promise<void>): Promise<void> {
    const before = this.#exchange;
    const exchange = before ? before.then(() => this.#exchangeNow(work)) : this.#exchangeNow(work);
    // One that fails does not keep the next from its turn.
    this.#exchange = exchange.catch(() => {});
    await exchange;
  }

  async #exchangeNow(work: () => Promise<void>): Promise<void> {
    this.#heldBack = [];
    try {
      await this.drain();
      await work();
      this.#heads.clear();
    } finally {
      const heldBack = this.#heldBack;
      this.#heldBack = undefined;
      for (const enter of heldBack) enter();
    }
  }

  /** At once, unless everything new has to wait. In the order of the calls in any case. */
  #enter(enter: () => void): void {
    if (this.#heldBack) this.#heldBack.push(enter);
    else enter();
  }

  #enqueue(request: SingleWriteRequest): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#enter(() => {
        const line = this.#line(request.r);
        const job = new Job(request, this.#order++, resolve, reject);
        if (request.lane) this.#lanes.enter(job, request.lane);
        line.waiting.push(job);
        this.#advance(line);
      });
    });
  }

  #enqueueAll(
    requests: readonly WriteRequest[],
    options: WriteAllOptions,
  ): Promise<WriteAllResult> {
    return new Promise((resolve, reject) => {
      this.#enter(() => this.#enterBatch(requests, options, { resolve, reject }));
    });
  }

  #enterBatch(
    requests: readonly WriteRequest[],
    { once, erases = [], span }: WriteAllOptions,
    { resolve, reject }: Pick<Batch, 'resolve' | 'reject'>,
  ): void {
    const batch = new Batch({
      requests,
      once,
      erases,
      span,
      order: this.#order++,
      resolve,
      reject,
    });
    if (requests.length === 0) this.#runBatch(batch);
    for (const { place, lane } of batch.laned) this.#lanes.enter(place, lane);
    const lines = batch.seats.map((seat) => {
      const line = this.#line(seat.r);
      line.waiting.push(seat);
      return line;
    });
    for (const line of lines) this.#advance(line);
  }

  #line(r: string): Line {
    const known = this.#lines.get(r);
    if (known) return known;
    const line = new Line(r);
    this.#lines.set(r, line);
    return line;
  }

  /** Takes the next step of a line, if it can take one now. */
  #advance(line: Line): void {
    if (line.preparing) return;
    const job = line.waiting[0];
    if (!job) {
      if (line.empty) this.#endLine(line);
      return;
    }
    const base = line.pending.at(-1);
    // Where others write too, a lost race may put another's revision under a chain: no chains then.
    if (base && (job instanceof Seat || job.careful || !this.#store.exclusive)) return;
    line.waiting.shift();
    line.preparing = job;
    if (job instanceof Seat) {
      if (job.batch.arrive()) this.#runBatch(job.batch);
      return;
    }
    void this.#try(job, line, base).finally(async () => {
      job.endTry();
      if (line.waiting.length > 0 && this.#slice.isOver) await this.#slice.rest();
      line.preparing = undefined;
      this.#advance(line);
    });
  }

  #endLine(line: Line): void {
    this.#lines.delete(line.r);
    if (this.#lines.size > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  /** Its lines are its own until it is over. */
  #runBatch(batch: Batch): void {
    const result = this.#batches.run(batch).then(batch.resolve, batch.reject);
    void result.then(() => {
      batch.end();
      for (const { r } of batch.seats) {
        const line = this.#line(r);
        line.preparing = undefined;
        this.#advance(line);
      }
    });
  }

  /** Never rejects. */
  async #try(job: Job, line: Line, base: Pending | undefined): Promise<void> {
    try {
      const write = await this.#prepare(job, base);
      await job.turn();
      if (!write) return;
      if (base?.dropped) this.#startAgain(line, [job]);
      else this.#submit(line, job, write);
    } catch (error) {
      this.#refuse(line, job, base, storeFailure(error));
      // Whoever is behind this one waits for those before it, too.
      await job.turn();
    }
  }

  /** `undefined` where it is answered already. */
  async #prepare(job: Job, base: Pending | undefined): Promise<PreparedWrite | undefined> {
    const { once, prepare } = job.request;
    const head = base ? base.write.object : await this.#stored(job);
    const repeated = once && (await this.#once.lookUp(once));
    if (!repeated) return await prepare(head, (rs) => this.#look(rs, job.order));
    await base?.ended();
    job.resolve({ kind: 'repeated', first: repeated });
    return undefined;
  }

  async #look(rs: readonly string[], order: number): Promise<(StoredObject | undefined)[]> {
    await Promise.all(rs.map((r) => this.#lines.get(r)?.settled(order)));
    return await this.heads(rs);
  }

  async #stored({ request, races }: Job): Promise<StoredObject | undefined> {
    if (request.fresh && races === 0) return undefined;
    return await this.#heads.base(request.r);
  }

  #submit(line: Line, job: Job, write: PreparedWrite): void {
    const pending = new Pending(job, write, (one, settlement) => {
      this.#settle(line, one, settlement);
    });
    line.pending.push(pending);
    this.#committer.add(pending);
  }

  /** A refusal counts once the state that it stands on is stored. */
  #refuse(line: Line, job: Job, base: Pending | undefined, error: unknown): void {
    if (base?.state === 'waiting') base.refused.push({ job, error });
    else if (base?.dropped) this.#startAgain(line, [job]);
    else job.reject(error);
  }

  #startAgain(line: Line, jobs: readonly Job[]): void {
    this.#restarts.add(jobs.length);
    line.restore(jobs);
  }

  #settle(line: Line, pending: Pending, settlement: Settlement): void {
    // Dropped while its commit was under way: the store has refused it like the one it was built on.
    if (pending.dropped) return;
    if (settlement.kind === 'committed')
      this.#committed(line, pending, settlement.positions[0] ?? 0);
    else this.#notCommitted(line, pending, settlement);
    this.#advance(line);
  }

  #committed(line: Line, pending: Pending, pos: number): void {
    const { job, write } = pending;
    line.pending.shift();
    this.#heads.committed(write.object);
    for (const { object } of write.also ?? []) this.#heads.forget(object.r);
    pending.end('committed');
    job.resolve({ kind: 'committed', write, pos });
    for (const { job: refused, error } of pending.refused) refused.reject(error);
  }

  #notCommitted(
    line: Line,
    pending: Pending,
    settlement: Exclude<Settlement, { kind: 'committed' }>,
  ): void {
    const dropped = line.dropPending();
    const again = dropped.flatMap(({ refused }) => refused.map(({ job }) => job));
    for (const { job, begun } of dropped) {
      if (settlement.kind === 'failed' && begun) job.reject(this.#failure(line, settlement.error));
      else if (job !== pending.job) again.push(job);
    }
    if (settlement.kind === 'repeated') pending.job.resolve(settlement);
    else if (settlement.kind === 'refused') {
      const { refusal } = settlement;
      if (refusal.kind !== 'conflict') pending.job.resolve(refusal);
      else if (this.#lostRace(line, pending.job)) again.push(pending.job);
    }
    if (again.length > 0) this.#startAgain(line, again);
  }

  /** What is told to those whose commit failed as a whole. */
  #failure(line: Line, error: unknown): unknown {
    // After an unexpected failure only the store knows what is stored.
    if (!(error instanceof StoreUnavailable)) this.#heads.forget(line.r);
    return storeFailure(error);
  }

  /** The stored revision was another than the write was built on. True where it may try again. */
  #lostRace(line: Line, job: Job): boolean {
    this.#heads.forget(line.r);
    job.races += 1;
    if (job.races <= this.#limits.races) return true;
    job.reject(unavailable());
    return false;
  }
}
