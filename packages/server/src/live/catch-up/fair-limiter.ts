import type { TickSlice } from '../../platform/scheduling/tick-slice.js';
import { Fifo } from './fifo.js';
import type { InFlight } from './in-flight.js';

type Task = () => Promise<void>;

interface OwnerQueue {
  readonly owner: object;
  readonly waiting: Fifo<Task>;
  /** Begun and not done. */
  active: number;
}

export interface FairLimiterLimits {
  /** Tasks at once. */
  readonly total: number;
  /** Of these, of one owner. */
  readonly perOwner: number;
}

/**
 * Runs what has to be read from the store for subscriptions: so much at a time, and each owner in its
 * turn, so that who subscribes to ten thousand objects does not make the others wait for them all. A store that answers at once
 * would have all of it done in one run, so others have their turn of the event loop in between (rule LIM43).
 */
export class FairLimiter {
  readonly #limits: FairLimiterLimits;
  readonly #queues = new Map<object, OwnerQueue>();
  /** Each line that has something to begin, and may, is in here once. */
  readonly #ready = new Fifo<OwnerQueue>();
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

  /** Owners with tasks that are not done. */
  get owners(): number {
    return this.#queues.size;
  }

  /** Tasks that were not begun. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Runs the task when it is its owner's turn. It must not reject. */
  run(owner: object, task: Task): void {
    let queue = this.#queues.get(owner);
    if (!queue) {
      queue = { owner, waiting: new Fifo(), active: 0 };
      this.#queues.set(owner, queue);
    }
    const wasReady = this.#isReady(queue);
    queue.waiting.push(task);
    this.#waiting += 1;
    this.#inFlight.begin();
    if (!wasReady && this.#isReady(queue)) this.#ready.push(queue);
    this.#begin();
  }

  #begin(): void {
    while (this.#active < this.#limits.total && !this.#isResting) {
      const queue = this.#ready.shift();
      const task = queue?.waiting.shift();
      if (!queue || !task) return;
      queue.active += 1;
      this.#waiting -= 1;
      this.#active += 1;
      if (this.#isReady(queue)) this.#ready.push(queue);
      void task().finally(() => this.#end(queue));
      if (this.#waiting > 0 && this.#slice.isOver) void this.#rest();
    }
  }

  async #rest(): Promise<void> {
    this.#isResting = true;
    await this.#slice.rest();
    this.#isResting = false;
    this.#begin();
  }

  #end(queue: OwnerQueue): void {
    const wasReady = this.#isReady(queue);
    queue.active -= 1;
    this.#active -= 1;
    if (!wasReady && this.#isReady(queue)) this.#ready.push(queue);
    if (queue.active === 0 && queue.waiting.size === 0) this.#queues.delete(queue.owner);
    this.#inFlight.end();
    this.#begin();
  }

  #isReady({ waiting, active }: OwnerQueue): boolean {
    return waiting.size > 0 && active < this.#limits.perOwner;
  }
}
