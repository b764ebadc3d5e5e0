import type { Clock, Timer, Timers } from '../../platform/platform.js';
import { Fifo } from '../../platform/scheduling/fifo.js';

/** Pays for responses. */
export interface Payer {
  /** Time of the monotonic clock from which it may spend again; may be in the past. */
  readonly roomAt: number;
  pay(bytes: number): void;
}

export interface OwnerQueuesOptions {
  /** Commands of one owner that may run at a time. */
  readonly most: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Pick<Timers, 'after'>;
}

interface QueuedCommand {
  readonly payer: Payer;
  readonly start: () => void;
}

/** The queue of one owner; exists while a command of it runs or waits. */
interface OwnerQueue {
  running: number;
  readonly waiting: Fifo<QueuedCommand>;
  timer: Timer | undefined;
}

/**
 * Limits the commands with possibly large responses that run at a time per owner, since the size of
 * a response is not known in advance. An owner that still owes for earlier responses waits until
 * that is paid off.
 */
export class OwnerQueues {
  readonly #options: OwnerQueuesOptions;
  readonly #queues = new Map<string, OwnerQueue>();

  constructor(options: OwnerQueuesOptions) {
    this.#options = options;
  }

  /** Owners with a running or waiting command. */
  get size(): number {
    return this.#queues.size;
  }

  /** Starts it, now or later. Each start needs a call to `ended`. */
  begin(owner: string, payer: Payer, start: () => void): void {
    const queue = this.#queues.get(owner) ?? this.#open(owner);
    if (queue.waiting.size === 0 && this.#mayStart(queue, payer)) {
      queue.running += 1;
      start();
    } else {
      queue.waiting.push({ payer, start });
      this.#proceed(owner, queue);
    }
  }

  /** The command is answered and its response is paid for. */
  ended(owner: string): void {
    const queue = this.#queues.get(owner);
    if (!queue) return;
    queue.running -= 1;
    this.#proceed(owner, queue);
  }

  #open(owner: string): OwnerQueue {
    const queue: OwnerQueue = { running: 0, waiting: new Fifo(), timer: undefined };
    this.#queues.set(owner, queue);
    return queue;
  }

  #mayStart(queue: OwnerQueue, payer: Payer): boolean {
    const { most, clock } = this.#options;
    return queue.running < most && payer.roomAt <= clock.monotonic();
  }

  #proceed(owner: string, queue: OwnerQueue): void {
    for (let { first } = queue.waiting; first; first = queue.waiting.first) {
      if (!this.#mayStart(queue, first.payer)) break;
      queue.waiting.shift();
      queue.running += 1;
      first.start();
    }
    const { first } = queue.waiting;
    if (first) this.#enqueue(owner, queue, first.payer);
    else if (queue.running === 0) this.#queues.delete(owner);
  }

  /** With all slots taken, `ended` starts the next one. */
  #enqueue(owner: string, queue: OwnerQueue, { roomAt }: Payer): void {
    const { most, clock, timers } = this.#options;
    if (queue.timer || queue.running >= most) return;
    queue.timer = timers.after(Math.max(1, roomAt - clock.monotonic()), () => {
      queue.timer = undefined;
      this.#proceed(owner, queue);
    });
  }
}
