import { FairQueue } from '../../platform/fair-queue.js';
import type { Platform } from '../../platform/platform.js';
import { type Patience, QueryTimeout, StoreUnavailable } from '../store.js';
import type { ReaderRequest } from './messages.js';
import { ReaderJob } from './reader-job.js';
import { Thread } from './thread.js';

type Reader = Thread<ReaderRequest>;

/** Milliseconds that a read may have the thread for that is kept for quick ones: what an index finds takes less. */
const quickTime = 20;

/** Go along a whole table, and nobody can stop them. */
const longKinds: ReadonlySet<ReaderRequest['kind']> = new Set(['outdated', 'count-outdated']);

/**
 * The threads that answer queries. Which one it gets makes no difference to a query: each reads what was committed last.
 *
 * Queries that find the threads busy wait, those of each owner in turn. Where there are several threads, one of them is kept for
 * what is quick: a query that finds the others busy begins there, and what has not ended after a moment begins anew
 * among the long ones. So nobody stands behind scans but scans (rule LIM13).
 */
export class ReaderPool {
  readonly #file: string;
  readonly #platform: Platform;
  readonly #threads = new Set<Reader>();
  readonly #idle: Reader[] = [];
  readonly #fresh = new FairQueue<ReaderJob>();
  readonly #long = new FairQueue<ReaderJob>();
  /** The thread that is kept for what is quick. */
  #quick: Reader | undefined;
  #running = 0;
  #held: (() => void) | undefined;
  #closed = false;

  constructor(file: string, size: number, platform: Platform) {
    this.#file = file;
    this.#platform = platform;
    for (let index = 0; index < size; index++) this.#start();
  }

  /** Queries that wait for a thread. */
  get waiting(): number {
    return this.#fresh.size + this.#long.size;
  }

  /** Queries that threads are at. */
  get running(): number {
    return this.#running;
  }

  /**
   * Resolves with JSON text. Rejects with `QueryTimeout` once it took `timeout` milliseconds, whatever the threads do, or waited
   * for three times as long.
   */
  ask(request: ReaderRequest, patience?: Patience): Promise<string> {
    if (this.#closed) return Promise.reject(new StoreUnavailable('the store is closed'));
    const { timeout, asker } = patience ?? {};
    return new Promise((resolve, reject) => {
      const job = new ReaderJob({ request, timeout, asker, resolve, reject }, this.#platform);
      this.#enqueue(longKinds.has(job.kind) ? this.#long : this.#fresh, job);
    });
  }

  /** Runs `work` at a moment when nobody reads; queries that come meanwhile wait. */
  async pause(work: () => Promise<void>): Promise<void> {
    if (this.#held) return;
    await new Promise<void>((resolve) => {
      this.#held = resolve;
      if (this.#running === 0) resolve();
    });
    try {
      await work();
    } finally {
      this.#held = undefined;
      this.#dispatch();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const queue of [this.#fresh, this.#long]) {
      for (let job = queue.shift(); job; job = queue.shift()) {
        job.reject(new StoreUnavailable('the store is closed'));
      }
    }
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }

  #start(): void {
    const thread: Reader = new Thread({
      module: new URL('./reader-thread.js', import.meta.url),
      data: this.#file,
      onDeath: () => this.#replace(thread),
    });
    // Of one thread alone none can be kept.
    if (this.#threads.size > 0) this.#quick ??= thread;
    this.#threads.add(thread);
    this.#idle.push(thread);
    this.#dispatch();
  }

  #replace(dead: Reader): void {
    this.#threads.delete(dead);
    if (this.#quick === dead) this.#quick = undefined;
    const index = this.#idle.indexOf(dead);
    if (index >= 0) this.#idle.splice(index, 1);
    // Not at once: one that can not start must not be started in a loop.
    if (!this.#closed) this.#platform.timers.after(100, () => this.#closed || this.#start());
  }

  #enqueue(queue: FairQueue<ReaderJob>, job: ReaderJob): void {
    queue.push(job.owner, job);
    job.wait(() => {
      queue.delete(job.owner, job);
      job.timeOut();
    });
    this.#dispatch();
  }

  #dispatch(): void {
    if (this.#held) return;
    // The other threads first: what begins there need not begin anew.
    for (const thread of this.#idle.filter((one) => one !== this.#quick)) {
      const job = this.#long.shift() ?? this.#fresh.shift();
      if (!job) return;
      void this.#run(job, thread);
    }
    const quick = this.#idle.find((one) => one === this.#quick);
    const job = quick && this.#fresh.shift();
    if (job) void this.#run(job, quick);
  }

  async #run(job: ReaderJob, thread: Reader): Promise<void> {
    this.#idle.splice(this.#idle.indexOf(thread), 1);
    this.#running += 1;
    const most = thread === this.#quick ? quickTime : Number.POSITIVE_INFINITY;
    try {
      job.resolve((await thread.request(job.begin(most))) as string);
    } catch (error) {
      job.pause();
      if (this.#isLong(job, error, most)) this.#enqueue(this.#long, job);
      else job.reject(error);
    }
    this.#running -= 1;
    if (this.#threads.has(thread)) this.#idle.push(thread);
    if (this.#running === 0) this.#held?.();
    this.#dispatch();
  }

  /** Whether it is to begin anew among the long ones. */
  #isLong(job: ReaderJob, error: unknown, most: number): boolean {
    const isInterrupted = error instanceof QueryTimeout && most === quickTime;
    return isInterrupted && job.left > 0 && !job.isSettled && !this.#closed;
  }
}
