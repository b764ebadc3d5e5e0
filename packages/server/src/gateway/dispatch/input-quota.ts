/** A socket that messages are taken from. */
export interface InputSource {
  /** Of the turn only: which turn it was part of last, and what is left there of its own share. */
  tick: number;
  quotaLeft: number;
  proceed(): void;
}

export interface InputQuotaOptions {
  /** Bytes that are taken in one turn of the event loop beyond the share that each socket has. */
  readonly bytes: number;
  /** Calls back in the next turn. */
  readonly schedule?: ((task: () => void) => unknown) | undefined;
}

/** Of the bytes of a turn each socket has this part for itself, as long as all of them together have not twice the bytes. */
const ownShare = 64;

/** What a message costs at least, in bytes of a large one. */
const perMessage = 1024;

/**
 * What the sockets of an app may bring in one turn of the event loop. A little each may at any time; who has more shares a pot with the
 * others, in turns. So whoever sends little never stands behind those who send much.
 */
export class InputQuota {
  readonly #bytes: number;
  readonly #own: number;
  readonly #schedule: (task: () => void) => unknown;
  readonly #begin = () => this.#next();
  /** In the order of their coming. */
  readonly #waiting = new Set<InputSource>();
  #tick = 1;
  #sharedPool: number;
  #ownPool: number;
  #scheduled = false;

  constructor({ bytes, schedule = setImmediate }: InputQuotaOptions) {
    this.#bytes = bytes;
    this.#own = bytes / ownShare;
    this.#sharedPool = bytes;
    this.#ownPool = 2 * bytes;
    this.#schedule = schedule;
  }

  /** Sockets that wait for the next turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a message of so many bytes. False: not in this turn, and the socket had better `wait`. */
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
    this.#await();
    return true;
  }

  /** Calls `proceed` in one of the next turns, once. */
  wait(source: InputSource): void {
    this.#waiting.add(source);
    this.#await();
  }

  #await(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.#begin);
  }

  #next(): void {
    this.#scheduled = false;
    this.#tick += 1;
    this.#sharedPool = this.#bytes;
    this.#ownPool = 2 * this.#bytes;
    // Each that waits now once: who has more still comes again behind the others.
    for (let rest = this.#waiting.size; rest > 0 && this.#sharedPool > 0; rest -= 1) {
      const [first] = this.#waiting;
      if (!first) break;
      this.#waiting.delete(first);
      first.proceed();
    }
    if (this.#waiting.size > 0) this.#await();
  }
}
