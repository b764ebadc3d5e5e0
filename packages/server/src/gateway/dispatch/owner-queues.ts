import type { Clock, Timer, Timers } from '../../platform/platform.js';

/** Who pays for what is answered. */
export interface Payer {
  /** When there is room again in what it may cost: a time of the monotonic clock, which may be past. */
  readonly roomAt: number;
  pay(bytes: number): void;
}

export interface OwnerQueuesOptions {
  /** Commands of one owner that may be under way at a time. */
  readonly most: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Pick<Timers, 'after'>;
}

interface QueuedCommand {
  readonly payer: Payer;
  readonly start: () => void;
}

/** Of one owner; exists while any of its commands is under way or waits. */
interface OwnerQueue {
  underWay: number;
  readonly waiting: QueuedCommand[];
  timer: Timer | undefined;
}

/**
 * Commands whose answers may be large, on their way to their start: so many of each owner are under way at a time, since nobody
 * knows beforehand how much an answer will be, and who owes for earlier answers waits until that is paid off.
 */
export class OwnerQueues {
  readonly #options: OwnerQueuesOptions;
  readonly #lines = new Map<string, OwnerQueue>();

  constructor(options: OwnerQueuesOptions) {
    this.#options = options;
  }

  /** Owners that have something under way or waiting. */
  get size(): number {
    return this.#lines.size;
  }

  /** Starts it, now or later. Whoever was started owes an `ended`. */
  begin(owner: string, payer: Payer, start: () => void): void {
    const queue = this.#lines.get(owner) ?? this.#open(owner);
    if (queue.waiting.length === 0 && this.#mayStart(queue, payer)) {
      queue.underWay += 1;
      start();
    } else {
      queue.waiting.push({ payer, start });
      this.#proceed(owner, queue);
    }
  }

  /** One is answered, and what it costs is paid. */
  ended(owner: string): void {
    const queue = this.#lines.get(owner);
    if (!queue) return;
    queue.underWay -= 1;
    this.#proceed(owner, queue);
  }

  #open(owner: string): OwnerQueue {
    const queue: OwnerQueue = { underWay: 0, waiting: [], timer: undefined };
    this.#lines.set(owner, queue);
    return queue;
  }

  #mayStart(queue: OwnerQueue, payer: Payer): boolean {
    const { most, clock } = this.#options;
    return queue.underWay < most && payer.roomAt <= clock.monotonic();
  }

  #proceed(owner: string, queue: OwnerQueue): void {
    for (let first = queue.waiting[0]; first; first = queue.waiting[0]) {
      if (!this.#mayStart(queue, first.payer)) break;
      queue.waiting.shift();
      queue.underWay += 1;
      first.start();
    }
    const [first] = queue.waiting;
    if (first) this.#await(owner, queue, first.payer);
    else if (queue.underWay === 0) this.#lines.delete(owner);
  }

  /** Where all places are taken, `ended` leads on. */
  #await(owner: string, queue: OwnerQueue, { roomAt }: Payer): void {
    const { most, clock, timers } = this.#options;
    if (queue.timer || queue.underWay >= most) return;
    queue.timer = timers.after(Math.max(1, roomAt - clock.monotonic()), () => {
      queue.timer = undefined;
      this.#proceed(owner, queue);
    });
  }
}
