/** When a request came, and from whom. */
export type QueuePlace = Pick<QueueSlot, 'order' | 'owner'>;

/** A place in the queue of an object. */
export class QueueSlot {
  /** Its number among all requests. */
  readonly order: number;
  /** Who asked for it; `undefined`: the server itself. */
  readonly owner: string | undefined;
  /** The previous request with the same order key: this write is submitted only after that one. */
  predecessor: QueueSlot | undefined;
  #tried = false;
  #waiting: (() => void)[] | undefined;

  constructor(order: number, owner: string | undefined) {
    this.order = order;
    this.owner = owner;
  }

  get tried(): boolean {
    return this.#tried;
  }

  /** Resolves when its predecessor was tried; `undefined` where there is none to wait for. */
  predecessorTried(): Promise<void> | undefined {
    return this.#tried ? undefined : this.predecessor?.whenTried();
  }

  /**
   * The write is submitted, refused, or about to be retried because what it was built on is not
   * stored. One that had to let others by and is prepared again is not tried yet.
   */
  markTried(): void {
    this.#tried = true;
    this.predecessor = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) for (const resolve of waiting) resolve();
  }

  /**
   * Resolves when the first try has ended. Only later requests may wait for it. First tries wait
   * only for commits, for first tries of earlier requests, and for who holds their queue, and these
   * are let by in the end (see `QueueHolds`): so there is no deadlock.
   */
  async whenTried(): Promise<void> {
    if (this.#tried) return;
    await new Promise<void>((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }
}
