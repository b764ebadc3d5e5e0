/** What is kept of each connection's pushes. */
export interface SentPushesLimits {
  readonly count: number;
  readonly bytes: number;
}

/**
 * The last pushes of a connection: those that a client which comes back may not have got. Frames are shared
 * with whoever else got them, so that mostly a reference is all that is kept.
 */
export class SentPushes {
  readonly #limits: SentPushesLimits;
  #frames: Buffer[] = [];
  #bytes = 0;
  #total = 0;

  constructor(limits: SentPushesLimits) {
    this.#limits = limits;
  }

  /** How many there were, from the first one on. */
  get total(): number {
    return this.#total;
  }

  add(frame: Buffer): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.#total += 1;
    const { count, bytes } = this.#limits;
    if (this.#frames.length <= count && this.#bytes <= bytes) return;
    // Half of them at once, so that a push costs no shift.
    const kept = this.#frames.slice(Math.ceil(this.#frames.length / 2));
    this.#frames = kept;
    this.#bytes = kept.reduce((sum, one) => sum + one.length, 0);
  }

  /** Those after the first `received`; `undefined` where they are not all there any more. */
  after(received: number): readonly Buffer[] | undefined {
    const missed = this.#total - received;
    if (missed > this.#frames.length) return undefined;
    return missed <= 0 ? [] : this.#frames.slice(-missed);
  }

  /** All that are left. */
  get last(): readonly Buffer[] {
    return this.#frames;
  }
}
