import type { TurnSlice } from '../platform/turn-slice.js';
import type { Activity } from './activity.js';
import { Fifo } from './fifo.js';

type Task = () => Promise<void>;

interface Line {
  readonly owner: object;
  readonly waiting: Fifo<Task>;
  /** Begun and not done. */
  active: number;
}

export interface TurnLimits {
  /** Tasks at once. */
  readonly atOnce: number;
  /** Of these, of one owner. */
  readonly each: number;
}

/**
 * Runs what has to be read from the store for subscriptions: so much at a time, and each owner in its
 * turn, so that who subscribes to ten thousand objects does not make the others wait for them all. A store that answers at once
 * would have all of it done in one run, so others have their turn of the event loop in between (rule LIM43).
 */
export class Turns {
  readonly #limits: TurnLimits;
  readonly #lines = new Map<object, Line>();
  /** Each line that has something to begin, and may, is in here once. */
  readonly #ready = new Fifo<Line>();
  readonly #activity: Activity;
  readonly #slice: TurnSlice;
  #active = 0;
  #waiting = 0;
  #isResting = false;

  constructor(limits: TurnLimits, parts: { activity: Activity; slice: TurnSlice }) {
    this.#limits = limits;
    this.#activity = parts.activity;
    this.#slice = parts.slice;
  }

  /** Owners with tasks that are not done. */
  get owners(): number {
    return this.#lines.size;
  }

  /** Tasks that were not begun. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Runs the task when it is its owner's turn. It must not reject. */
  run(owner: object, task: Task): void {
    let line = this.#lines.get(owner);
    if (!line) {
      line = { owner, waiting: new Fifo(), active: 0 };
      this.#lines.set(owner, line);
    }
    const wasReady = this.#isReady(line);
    line.waiting.push(task);
    this.#waiting += 1;
    this.#activity.begin();
    if (!wasReady && this.#isReady(line)) this.#ready.push(line);
    this.#begin();
  }

  #begin(): void {
    while (this.#active < this.#limits.atOnce && !this.#isResting) {
      const line = this.#ready.shift();
      const task = line?.waiting.shift();
      if (!line || !task) return;
      line.active += 1;
      this.#waiting -= 1;
      this.#active += 1;
      if (this.#isReady(line)) this.#ready.push(line);
      void task().finally(() => this.#end(line));
      if (this.#waiting > 0 && this.#slice.isOver) void this.#rest();
    }
  }

  async #rest(): Promise<void> {
    this.#isResting = true;
    await this.#slice.rest();
    this.#isResting = false;
    this.#begin();
  }

  #end(line: Line): void {
    const wasReady = this.#isReady(line);
    line.active -= 1;
    this.#active -= 1;
    if (!wasReady && this.#isReady(line)) this.#ready.push(line);
    if (line.active === 0 && line.waiting.size === 0) this.#lines.delete(line.owner);
    this.#activity.end();
    this.#begin();
  }

  #isReady({ waiting, active }: Line): boolean {
    return waiting.size > 0 && active < this.#limits.each;
  }
}
