/** What stands in the line of an object until its turn comes. */
export class QueueSlot {
  /** Where it came among all requests. */
  readonly order: number;
  /** The one before it in its lane: its own write is submitted only after that one's. */
  predecessor: QueueSlot | undefined;
  #tried = false;
  #waiting: (() => void)[] | undefined;

  constructor(order: number) {
    this.order = order;
  }

  get tried(): boolean {
    return this.#tried;
  }

  /** Resolves when the one before it in its lane was tried. */
  async predecessorTried(): Promise<void> {
    if (this.predecessor && !this.#tried) await this.predecessor.whenTried();
  }

  /** Its first try is over: its write is on its way, or it was refused, or starts again. */
  markTried(): void {
    this.#tried = true;
    this.predecessor = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) for (const resolve of waiting) resolve();
  }

  /**
   * Resolves when its first try is over. Only one that came later may wait for it. First tries wait for
   * nothing but commits and first tries of earlier ones, so that no two wait for each other.
   */
  async whenTried(): Promise<void> {
    if (this.#tried) return;
    await new Promise<void>((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }
}
