import { NextTick } from '../../platform/scheduling/next-tick.js';

/** A socket that messages are read from. */
export interface InputSource {
  /** Kept by `InputQuota`: the last tick it took part in, and what is left of its share there. */
  tick: number;
  quotaLeft: number;
  proceed(): void;
}

/** A socket's own share is this fraction of a tick's bytes, until all have taken twice the bytes. */
const ownShare = 64;

/** Minimum cost of a message, in bytes. */
const perMessage = 1024;

/**
 * Limits what the sockets of an app may bring in per tick of the event loop. Each has a small share
 * of its own; beyond it they use a shared pool in turns. So a client that sends little never waits
 * for one that sends much.
 */
export class InputQuota {
  readonly #bytes: number;
  readonly #own: number;
  readonly #nextTick: NextTick;
  /** In order of arrival. */
  readonly #waiting = new Set<InputSource>();
  #tick = 1;
  #sharedPool: number;
  #ownPool: number;

  /** `bytes`: per tick of the event loop, on top of each socket's own share. */
  constructor(bytes: number, schedule?: (task: () => void) => unknown) {
    this.#bytes = bytes;
    this.#own = bytes / ownShare;
    this.#sharedPool = bytes;
    this.#ownPool = 2 * bytes;
    this.#nextTick = new NextTick(() => this.#next(), schedule);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a message of this size. False: the quota of this tick is used up; call `wait`. */
  take(source: InputSource, bytes: number): boolean {
    const price = bytes + perMessage;
    if (source.tick !== this.#tick) {
      source.tick = this.#tick;
      source.quotaLeft = this.#own;
    }
    if (source.quotaLeft >= price && this.#ownPool > 0) {
      source.quotaLeft -= price;
      this.#ownPool -= price;
    } else if (this.#sharedPool > 0) this.#sharedPool -= price;
    else return false;
    this.#nextTick.request();
    return true;
  }

  /** Calls `proceed` once, in a later tick. */
  wait(source: InputSource): void {
    this.#waiting.add(source);
    this.#nextTick.request();
  }

  #next(): void {
    this.#tick += 1;
    this.#sharedPool = this.#bytes;
    this.#ownPool = 2 * this.#bytes;
    // Each waiting socket once: one that has more queues up again behind the others.
    for (let rest = this.#waiting.size; rest > 0 && this.#sharedPool > 0; rest -= 1) {
      const [first] = this.#waiting;
      if (!first) break;
      this.#waiting.delete(first);
      first.proceed();
    }
    if (this.#waiting.size > 0) this.#nextTick.request();
  }
}
