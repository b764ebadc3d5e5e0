import type { Platform, Timer } from '../../../platform/platform.js';
import { StoreUnavailable } from '../../store-errors.js';
import type { ReadOptions } from '../../store-reads.js';
import { GaveWay } from '../errors.js';
import { DatabaseThread } from './database-thread.js';
import type { ReaderRequest, ReaderStart } from './messages.js';
import { ReaderJob } from './reader-job.js';
import { ReaderQueues } from './reader-queues.js';

type Reader = DatabaseThread<ReaderRequest>;

/** Milliseconds without a new read after which the quick thread may take a long one. */
const calm = 100;

/** In place of the time that a read took: its thread has not told it. */
const untold = -1;

/**
 * The threads that answer queries. Any thread can take any query: each reads the latest commit.
 *
 * Queries that find the threads busy wait, round-robin by owner. Where there are several threads,
 * one is reserved for quick reads: a read there yields when others wait that are, or may be, quick,
 * and starts over after them; in the end it counts as long, and the other threads take it. So scans
 * delay only scans (rule LIM13). The quick thread takes a long read only after a moment without new
 * reads: more often would waste work.
 */
export class ReaderPool {
  readonly #file: string;
  readonly #module: URL;
  readonly #platform: Platform;
  /** With what each shares with this thread: see `ReaderStart`. */
  readonly #threads = new Map<Reader, Int32Array>();
  readonly #idle: Reader[] = [];
  readonly #queues = new ReaderQueues();
  /** The thread reserved for quick reads. */
  #quick: Reader | undefined;
  #running = 0;
  /** When the last read was requested. */
  #lastAsked = 0;
  #calm: Timer | undefined;
  #paused: (() => void) | undefined;
  #closed = false;

  /** `module`: what runs in each thread. */
  constructor(
    file: string,
    size: number,
    platform: Platform,
    module = new URL('./reader-thread.js', import.meta.url),
  ) {
    this.#file = file;
    this.#module = module;
    this.#platform = platform;
    for (let index = 0; index < size; index++) this.#start();
  }

  /** Queries that wait for a thread. */
  get waiting(): number {
    return this.#queues.size;
  }

  /** Queries that run in a thread. */
  get running(): number {
    return this.#running;
  }

  /** Resolves with JSON text. `QueryTimeout`: after `timeout` ms, or thrice that of waiting. */
  request(request: ReaderRequest, options?: ReadOptions): Promise<string> {
    if (this.#closed) return Promise.reject(new StoreUnavailable('the store is closed'));
    const { timeout, requester } = options ?? {};
    this.#lastAsked = this.#platform.clock.monotonic();
    return new Promise((resolve, reject) => {
      const options = { request, timeout, requester, resolve, reject };
      this.#enqueue(new ReaderJob(options, this.#platform));
    });
  }

  /** Runs `work` while no read is running; new queries wait. */
  async pause(work: () => Promise<void>): Promise<void> {
    if (this.#paused) return;
    await new Promise<void>((resolve) => {
      this.#paused = resolve;
      if (this.#running === 0) resolve();
    });
    try {
      await work();
    } finally {
      this.#paused = undefined;
      this.#dispatch();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#calm?.cancel();
    for (let job = this.#queues.shift(); job; job = this.#queues.shift()) {
      job.reject(new StoreUnavailable('the store is closed'));
    }
    await Promise.all([...this.#threads.keys()].map((thread) => thread.end()));
  }

  #start(): void {
    const spent = new Int32Array(new SharedArrayBuffer(4));
    const thread: Reader = new DatabaseThread({
      module: this.#module,
      data: { file: this.#file, waiting: this.#queues.waiting, spent } satisfies ReaderStart,
      onDeath: () => this.#replace(thread),
    });
    // A single thread cannot be reserved.
    if (this.#threads.size > 0) this.#quick ??= thread;
    this.#threads.set(thread, spent);
    this.#idle.push(thread);
    this.#dispatch();
  }

  #replace(dead: Reader): void {
    this.#threads.delete(dead);
    if (this.#quick === dead) this.#quick = undefined;
    const index = this.#idle.indexOf(dead);
    if (index >= 0) this.#idle.splice(index, 1);
    // Delayed, so that a thread that cannot start is not started in a loop.
    if (!this.#closed) this.#platform.timers.after(100, () => this.#closed || this.#start());
  }

  #enqueue(job: ReaderJob): void {
    this.#queues.push(job);
    job.wait(() => {
      this.#queues.delete(job);
      job.timeOut();
    });
    this.#dispatch();
  }

  #dispatch(): void {
    if (this.#paused) return;
    // The other threads first: what begins there need not start over.
    const idle = this.#idle.toSorted((a) => (a === this.#quick ? 1 : -1));
    for (const thread of idle) {
      const job = thread === this.#quick ? this.#shiftQuick() : this.#queues.shift();
      if (!job) return;
      void this.#run(job, thread);
    }
  }

  #shiftQuick(): ReaderJob | undefined {
    const left = this.#lastAsked + calm - this.#platform.clock.monotonic();
    const job = this.#queues.shiftQuick({ isCalm: left <= 0 });
    if (job || this.#calm || this.#queues.long === 0) return job;
    this.#calm = this.#platform.timers.after(left, () => {
      this.#calm = undefined;
      this.#dispatch();
    });
    return undefined;
  }

  async #run(job: ReaderJob, thread: Reader): Promise<void> {
    this.#idle.splice(this.#idle.indexOf(thread), 1);
    this.#running += 1;
    const quantum = thread === this.#quick ? this.#queues.quantumOf(job) : undefined;
    const spent = this.#threads.get(thread) ?? new Int32Array(1);
    const begun = this.#platform.clock.monotonic();
    Atomics.store(spent, 0, untold);
    const spend = () => {
      const time = Atomics.load(spent, 0);
      // A thread that dies does not tell: the time until then counts.
      job.spend(time === untold ? this.#platform.clock.monotonic() - begun : time / 1000);
    };
    try {
      const answer = (await thread.request(job.begin(quantum))) as string;
      spend();
      job.resolve(answer);
    } catch (error) {
      spend();
      if (error instanceof GaveWay) this.#again(job);
      else job.reject(error);
    }
    this.#running -= 1;
    if (this.#threads.has(thread)) this.#idle.push(thread);
    if (this.#running === 0) this.#paused?.();
    this.#dispatch();
  }

  /** It yielded to others. */
  #again(job: ReaderJob): void {
    job.giveWay();
    if (this.#closed) job.reject(new StoreUnavailable('the store is closed'));
    else if (!job.isSettled) this.#enqueue(job);
  }
}
