import { FairQueue } from './fair-queue.js';
import { Fifo } from './fifo.js';
import type { InFlight } from './in-flight.js';
import type { TickSlice } from './tick-slice.js';

type Task = () => Promise<void>;

/** `run`: `undefined` when it was started or dropped. */
interface QueuedTask {
  run: Task | undefined;
}

interface OwnerQueue {
  readonly owner: unknown;
  readonly user: string;
  /** A dropped task stays until its turn, since it takes hardly any memory. */
  readonly waiting: Fifo<QueuedTask>;
  /** Tasks started and not finished. */
  active: number;
}

export interface FairLimiterLimits {
  /** Concurrent tasks. */
  readonly total: number;
  /** Concurrent tasks of one owner. */
  readonly perOwner: number;
}

export interface DroppableTask<T> {
  readonly result: Promise<T | undefined>;
  /** Nothing if it has started. */
  readonly drop: () => void;
}

/** The user of what the server reads for nobody in particular. */
const server = '';

/**
 * Limits concurrent store reads for subscriptions, round-robin by user and then by owner: a
 * connection that subscribes to ten thousand objects does not make the others wait for all of them,
 * nor does a user with a thousand connections. Also yields the event
 * loop, because a store that answers at once would otherwise run everything in one turn (rule
 * LIM43).
 */
export class FairLimiter {
  readonly #limits: FairLimiterLimits;
  readonly #queues = new Map<unknown, OwnerQueue>();
  /** Owner queues that may start a task now, each once, by user. */
  readonly #ready = new FairQueue<OwnerQueue>();
  readonly #inFlight: InFlight;
  readonly #slice: TickSlice;
  #active = 0;
  #waiting = 0;
  #isResting = false;

  constructor(limits: FairLimiterLimits, deps: { inFlight: InFlight; slice: TickSlice }) {
    this.#limits = limits;
    this.#inFlight = deps.inFlight;
    this.#slice = deps.slice;
  }

  /** Owners with unfinished tasks. */
  get owners(): number {
    return this.#queues.size;
  }

  /** Tasks not started yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Queues the task. It must not reject. `user`: always the same for this owner. */
  run(owner: unknown, task: Task, user = server): void {
    this.#add(owner, { run: task }, user);
  }

  #add(owner: unknown, task: QueuedTask, user: string): void {
    let queue = this.#queues.get(owner);
    if (!queue) {
      queue = { owner, user, waiting: new Fifo(), active: 0 };
      this.#queues.set(owner, queue);
    }
    const wasReady = this.#isReady(queue);
    queue.waiting.push(task);
    this.#waiting += 1;
    this.#inFlight.begin();
    if (!wasReady && this.#isReady(queue)) this.#ready.push(user, queue);
    this.#begin();
  }

  /** As `run`, for a task that may reject: resolves or rejects as it does. */
  schedule<T>(owner: unknown, task: () => Promise<T>, user = server): Promise<T> {
    return new Promise((resolve, reject) => {
      this.run(owner, () => task().then(resolve, reject), user);
    });
  }

  /** As `schedule`, for a task that may be dropped: then it resolves with `undefined`. */
  scheduleDroppable<T>(owner: unknown, task: () => Promise<T>, user = server): DroppableTask<T> {
    const queued: QueuedTask = { run: undefined };
    let drop = () => {};
    const result = new Promise<T | undefined>((resolve, reject) => {
      queued.run = () => task().then(resolve, reject);
      drop = () => {
        if (!queued.run) return;
        queued.run = undefined;
        this.#waiting -= 1;
        this.#inFlight.end();
        resolve(undefined);
      };
    });
    this.#add(owner, queued, user);
    return { result, drop };
  }

  /** `isRested`: in this tick at least one task is started, whatever else took its time. */
  #begin(isRested = false): void {
    let mayStart = isRested;
    while (this.#active < this.#limits.total && this.#ready.size > 0 && !this.#isResting) {
      if (!mayStart && this.#slice.isOver) {
        void this.#rest();
        return;
      }
      mayStart = false;
      const queue = this.#ready.shift();
      if (!queue) return;
      const task = takeNext(queue.waiting);
      if (!task) {
        if (queue.active === 0) this.#queues.delete(queue.owner);
        continue;
      }
      queue.active += 1;
      this.#waiting -= 1;
      this.#active += 1;
      if (this.#isReady(queue)) this.#ready.push(queue.user, queue);
      void task().finally(() => this.#end(queue));
    }
  }

  async #rest(): Promise<void> {
    this.#isResting = true;
    await this.#slice.rest();
    this.#isResting = false;
    this.#begin(true);
  }

  #end(queue: OwnerQueue): void {
    const wasReady = this.#isReady(queue);
    queue.active -= 1;
    this.#active -= 1;
    if (!wasReady && this.#isReady(queue)) this.#ready.push(queue.user, queue);
    if (queue.active === 0 && queue.waiting.size === 0) this.#queues.delete(queue.owner);
    this.#inFlight.end();
    this.#begin();
  }

  #isReady({ waiting, active }: OwnerQueue): boolean {
    return waiting.size > 0 && active < this.#limits.perOwner;
  }
}

/** The next task that was not dropped. */
function takeNext(waiting: Fifo<QueuedTask>): Task | undefined {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { run } = next;
    next.run = undefined;
    if (run) return run;
  }
  return undefined;
}
