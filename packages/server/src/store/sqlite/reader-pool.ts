import type { Platform, Timer } from '../../platform/platform.js';
import { QueryTimeout, StoreUnavailable } from '../store.js';
import type { ReaderRequest } from './messages.js';
import { Thread } from './thread.js';

interface Job {
  readonly request: ReaderRequest;
  /** Monotonic time at which its time is up. */
  readonly deadline: number;
  timer: Timer | undefined;
  resolve(json: string): void;
  reject(error: unknown): void;
}

/**
 * The threads that answer queries. A query that finds all of them busy waits, and its waiting counts as
 * its time. Which thread it gets makes no difference: each reads what was committed last.
 */
export class ReaderPool {
  readonly #file: string;
  readonly #platform: Platform;
  readonly #threads = new Set<Thread<ReaderRequest>>();
  readonly #idle: Thread<ReaderRequest>[] = [];
  #queue: Job[] = [];
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
    return this.#queue.length;
  }

  /** Queries that threads are at. */
  get running(): number {
    return this.#running;
  }

  /** Resolves with JSON text. Rejects with `QueryTimeout` after `timeout` milliseconds, whatever the threads do. */
  ask(request: ReaderRequest, timeout?: number): Promise<string> {
    if (this.#closed) return Promise.reject(new StoreUnavailable('the store is closed'));
    return new Promise((resolve, reject) => {
      const deadline = this.#platform.clock.monotonic() + (timeout ?? Number.POSITIVE_INFINITY);
      const job: Job = { request, deadline, timer: undefined, resolve, reject };
      if (timeout !== undefined) {
        job.timer = this.#platform.timers.after(timeout, () => this.#expire(job, timeout));
      }
      this.#queue.push(job);
      this.#dispatch();
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
    const waiting = this.#queue;
    this.#queue = [];
    for (const job of waiting) this.#settle(job, new StoreUnavailable('the store is closed'));
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }

  #start(): void {
    const thread: Thread<ReaderRequest> = new Thread({
      module: new URL('./reader-thread.js', import.meta.url),
      data: this.#file,
      onDeath: () => this.#replace(thread),
    });
    this.#threads.add(thread);
    this.#idle.push(thread);
    this.#dispatch();
  }

  #replace(dead: Thread<ReaderRequest>): void {
    this.#threads.delete(dead);
    const index = this.#idle.indexOf(dead);
    if (index >= 0) this.#idle.splice(index, 1);
    // Not at once: one that can not start must not be started in a loop.
    if (!this.#closed) this.#platform.timers.after(100, () => this.#closed || this.#start());
  }

  #dispatch(): void {
    while (!this.#held && this.#idle.length > 0) {
      const job = this.#queue.shift();
      if (!job) return;
      const thread = this.#idle.pop();
      if (thread) void this.#run(job, thread);
    }
  }

  async #run(job: Job, thread: Thread<ReaderRequest>): Promise<void> {
    this.#running += 1;
    try {
      this.#settle(job, undefined, (await thread.request(this.#timed(job))) as string);
    } catch (error) {
      this.#settle(job, error);
    }
    this.#running -= 1;
    if (this.#threads.has(thread)) this.#idle.push(thread);
    if (this.#running === 0) this.#held?.();
    this.#dispatch();
  }

  /** The request with the time that is left of it. */
  #timed({ request, deadline }: Job): ReaderRequest {
    if (!('timeout' in request)) return request;
    return { ...request, timeout: deadline - this.#platform.clock.monotonic() };
  }

  #expire(job: Job, timeout: number): void {
    const index = this.#queue.indexOf(job);
    if (index >= 0) this.#queue.splice(index, 1);
    this.#settle(job, new QueryTimeout(`the query took longer than ${timeout} ms`));
  }

  #settle(job: Job, error: unknown, json = ''): void {
    job.timer?.cancel();
    if (error === undefined) job.resolve(json);
    else job.reject(error);
  }
}
