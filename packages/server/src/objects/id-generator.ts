import type { Platform } from '../platform/platform.js';

/** 2014-09-15T07:12:33Z: the millisecond 0 of ids. */
export const idEpoch = Date.UTC(2014, 8, 15, 7, 12, 33);

const sequences = 4096;
const nodes = 1024;

export interface IdGeneratorOptions {
  readonly platform: Pick<Platform, 'clock'>;
  /** 0 to 1023, unique among the nodes that write into the same store. */
  readonly node?: number | undefined;
  /**
   * Milliseconds since the Unix epoch: ids begin after it. Pass the store's latest change time, so
   * that a server restarted with a clock that was set back repeats no id.
   */
  readonly after?: number | undefined;
}

/**
 * Makes ids: 63 bits in decimal, 41 of milliseconds, 10 of node, 12 of sequence.
 *
 * Each is greater than the one before: while the clock is behind the last id, time goes on from
 * that id's millisecond, and a millisecond whose 4,096 ids are used up borrows from the next.
 */
export class IdGenerator {
  readonly #platform: Pick<Platform, 'clock'>;
  readonly #node: number;
  #ms: number;
  #sequence = sequences - 1;
  #lastChange = 0;

  constructor(options: IdGeneratorOptions) {
    const node = options.node ?? 0;
    if (!Number.isInteger(node) || node < 0 || node >= nodes) {
      throw new RangeError(`the number of a node is 0 to ${nodes - 1}, not ${node}`);
    }
    this.#platform = options.platform;
    this.#node = node;
    this.#ms = Math.max(0, Math.floor(options.after ?? 0) - idEpoch);
  }

  /** Milliseconds since the Unix epoch, as in the last id made. */
  get lastAt(): number {
    return this.#ms + idEpoch;
  }

  /** The clock's time, but never before an earlier change time or an id. */
  changeTime(): number {
    const now = Math.floor(this.#platform.clock.now());
    this.#lastChange = Math.max(now, this.#lastChange, this.lastAt);
    return this.#lastChange;
  }

  next(): string {
    const now = Math.floor(this.#platform.clock.now()) - idEpoch;
    if (now > this.#ms) {
      this.#ms = now;
      this.#sequence = 0;
    } else if (++this.#sequence === sequences) {
      this.#ms += 1;
      this.#sequence = 0;
    }
    const low = this.#node * sequences + this.#sequence;
    return ((BigInt(this.#ms) << 22n) | BigInt(low)).toString();
  }
}
