import type { Platform, Timer } from '../../platform/platform.js';
import { FairQueue } from '../../platform/scheduling/fair-queue.js';

export interface Payer {
  /** Time of the monotonic clock from which it may spend again; may be in the past. */
  readonly roomAt: number;
  pay(bytes: number): void;
}

/** Who a command is queued for, and who pays for its response. */
export interface CommandPayer {
  readonly owner: string;
  /** Whose debt it is; anonymous users of one address are one owner with several uids. */
  readonly uid: string;
  readonly payer: Payer;
}

interface QueuedCommand extends CommandPayer {
  readonly start: () => void;
}

/** The queue of one owner; exists while a command of it runs or waits. */
interface OwnerQueue {
  running: number;
  /** By uid: those in debt are paused. */
  readonly waiting: FairQueue<QueuedCommand>;
  /** One for each uid in debt. */
  readonly timers: Map<string, Timer>;
}

/**
 * Limits the commands with possibly large responses that run at a time per owner, since the size of
 * a response is not known in advance. Commands of a uid that still owes for earlier responses wait
 * until that is paid off; those of other uids of the owner do not wait for it.
 */
export class OwnerQueues {
  readonly #most: number;
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #queues = new Map<string, OwnerQueue>();

  /** `most`: commands of one owner that may run at a time. */
  constructor(most: number, platform: Pick<Platform, 'clock' | 'timers'>) {
    this.#most = most;
    this.#platform = platform;
  }

  /** Owners with a running or waiting command, or with a debt that something waited for. */
  get size(): number {
    return this.#queues.size;
  }

  get waiting(): number {
    let waiting = 0;
    for (const queue of this.#queues.values()) waiting += queue.waiting.size;
    return waiting;
  }

  /** Starts it, now or later; then call `ended`. The result removes it, and says if it waited. */
  begin(by: CommandPayer, start: () => void): () => boolean {
    const queue = this.#queues.get(by.owner) ?? this.#open(by.owner);
    const command = { ...by, start };
    if (queue.waiting.size === 0 && queue.running < this.#most && !this.#owes(command)) {
      queue.running += 1;
      start();
      return () => false;
    }
    if (this.#owes(command)) this.#pause(queue, command);
    queue.waiting.push(by.uid, command);
    this.#proceed(by.owner, queue);
    return () => this.#remove(queue, command);
  }

  /** The command is answered and its response is paid for. */
  ended(owner: string): void {
    const queue = this.#queues.get(owner);
    if (!queue) return;
    queue.running -= 1;
    this.#proceed(owner, queue);
  }

  #open(owner: string): OwnerQueue {
    const queue: OwnerQueue = { running: 0, waiting: new FairQueue(), timers: new Map() };
    this.#queues.set(owner, queue);
    return queue;
  }

  #owes({ payer }: QueuedCommand): boolean {
    return payer.roomAt > this.#platform.clock.monotonic();
  }

  #proceed(owner: string, queue: OwnerQueue): void {
    while (queue.running < this.#most) {
      const next = queue.waiting.shift();
      if (!next) break;
      if (this.#owes(next)) {
        this.#pause(queue, next);
        queue.waiting.push(next.uid, next);
      } else {
        queue.running += 1;
        next.start();
      }
    }
    const isUsed = queue.running + queue.waiting.size + queue.timers.size > 0;
    if (!isUsed) this.#queues.delete(owner);
  }

  /** Until the uid has paid off what it owes. */
  #pause(queue: OwnerQueue, { owner, uid, payer }: QueuedCommand): void {
    if (queue.timers.has(uid)) return;
    const { clock, timers } = this.#platform;
    queue.waiting.pause(uid);
    const rest = Math.max(1, payer.roomAt - clock.monotonic());
    const timer = timers.after(rest, () => {
      queue.timers.delete(uid);
      queue.waiting.resume(uid);
      this.#proceed(owner, queue);
    });
    queue.timers.set(uid, timer);
  }

  #remove(queue: OwnerQueue, command: QueuedCommand): boolean {
    const { size } = queue.waiting;
    queue.waiting.delete(command.uid, command);
    const isRemoved = queue.waiting.size < size;
    if (isRemoved) this.#proceed(command.owner, queue);
    return isRemoved;
  }
}
