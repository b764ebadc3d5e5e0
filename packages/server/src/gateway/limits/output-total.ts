import type { Budgets } from '../../platform/budget.js';
import type { Platform, Timer } from '../../platform/platform.js';
import { NextTick } from '../../platform/scheduling/next-tick.js';
import { networkOf } from '../server/address-network.js';
import { OutputPace, type PacedSocket } from './output-pace.js';

/** A receiver that output waits for: a WebSocket or an HTTP connection. */
export interface OutputHolder {
  /** Holders of one address are weighed together. */
  readonly address: string;
  /** Bytes waiting now. */
  readonly waiting: number;
  /** The socket that has to read in time (rule LIM33); HTTP connections are checked on their own. */
  readonly paced?: PacedSocket | undefined;
  /** Ends it to free memory. */
  giveUp(): void;
}

export interface OutputTotalOptions {
  /** Bytes that may wait in total (rule LIM32). */
  readonly limit: number;
  /** Milliseconds in which a WebSocket has to read some of what waits for it (rule LIM33). */
  readonly time: number;
  readonly budgets: Budgets;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
  /** When to check the total; by default at the end of this tick of the event loop. */
  readonly schedule?: ((check: () => void) => void) | undefined;
}

/** Bytes below which a holder is not counted: output in transit costs nothing to track. */
export const uncounted = 16 * 1024;

/** Milliseconds between checks of what has been read. */
const pollInterval = 1000;

/** Fraction of the limit to go down to, so that not every further byte ends a holder. */
const targetFill = 7 / 8;

interface HeldOutput {
  /** The last buffers written that may still wait, oldest first. */
  readonly buffers: Buffer[];
  /** Bytes of these buffers. */
  bytes: number;
  /** Bytes waiting that belong to none of these buffers. */
  unattributed: number;
  /** It was ended and will close soon. */
  leaving: boolean;
  /** `undefined`: somebody else checks it. */
  readonly pace: OutputPace | undefined;
}

/**
 * The output waiting for all clients of a node. A buffer that waits for many is in memory once and
 * counts once; each holder is charged its part. Only slow clients are tracked, so the others cost
 * nothing.
 */
export class OutputTotal {
  readonly #options: OutputTotalOptions;
  readonly #holdings = new Map<OutputHolder, HeldOutput>();
  /** By buffer, the number of holders that wait for it. */
  readonly #sharers = new Map<Buffer, number>();
  readonly #check: NextTick;
  #used = 0;
  #poll: Timer | undefined;

  constructor(options: OutputTotalOptions) {
    this.#options = options;
    this.#check = new NextTick(() => this.#enforceLimit(), options.schedule);
    options.budgets.counted('limits.outputTotal', () => {
      this.#settleAll();
      return this.#used;
    });
  }

  /** Output waits for this holder; `buffers`: which, if known. Call after writing them. */
  record(holder: OutputHolder, buffers: readonly Buffer[] = []): void {
    const holding = this.#holdings.get(holder) ?? this.#begin(holder);
    for (const buffer of buffers) this.#hold(holding, buffer);
    this.#settle(holder, holding);
    if (this.#used > this.#options.limit) this.#check.request();
  }

  /** Nothing waits for it any more: everything is sent, or it has closed. */
  release(holder: OutputHolder): void {
    const holding = this.#holdings.get(holder);
    if (!holding) return;
    this.#drop(holding, holding.buffers.length);
    this.#used -= holding.unattributed;
    this.#holdings.delete(holder);
    if (this.#holdings.size > 0) return;
    this.#poll?.cancel();
    this.#poll = undefined;
  }

  #begin(holder: OutputHolder): HeldOutput {
    const { platform, time } = this.#options;
    const pace = holder.paced && new OutputPace(holder.paced, time);
    const holding: HeldOutput = { buffers: [], bytes: 0, unattributed: 0, leaving: false, pace };
    this.#holdings.set(holder, holding);
    this.#poll ??= platform.timers.every(pollInterval, () => this.#checkAll());
    return holding;
  }

  /** Drops what the holder has read by now. */
  #settle(holder: OutputHolder, holding: HeldOutput): void {
    const { waiting } = holder;
    let read = 0;
    let left = holding.bytes;
    for (const { length } of holding.buffers) {
      if (left - length < waiting) break;
      left -= length;
      read++;
    }
    this.#drop(holding, read);
    this.#used -= holding.unattributed;
    holding.unattributed = Math.max(0, waiting - holding.bytes);
    this.#used += holding.unattributed;
    if (waiting <= uncounted) this.release(holder);
  }

  /** Ends those that read too little of what waits for them. */
  #checkAll(): void {
    this.#settleAll();
    const { platform, budgets } = this.#options;
    const now = platform.clock.monotonic();
    for (const [holder, holding] of this.#holdings) {
      if (holding.leaving || !holding.pace?.isTooSlow(now)) continue;
      holding.leaving = true;
      budgets.refuse('limits.outputTime');
      holder.giveUp();
    }
  }

  #settleAll(): void {
    for (const [holder, holding] of this.#holdings) this.#settle(holder, holding);
  }

  #hold(holding: HeldOutput, buffer: Buffer): void {
    const sharers = this.#sharers.get(buffer) ?? 0;
    if (sharers === 0) this.#used += buffer.length;
    this.#sharers.set(buffer, sharers + 1);
    holding.buffers.push(buffer);
    holding.bytes += buffer.length;
  }

  #drop(holding: HeldOutput, count: number): void {
    if (count === 0) return;
    for (const buffer of holding.buffers.splice(0, count)) {
      holding.bytes -= buffer.length;
      const sharers = (this.#sharers.get(buffer) ?? 1) - 1;
      if (sharers > 0) {
        this.#sharers.set(buffer, sharers);
      } else {
        this.#sharers.delete(buffer);
        this.#used -= buffer.length;
      }
    }
  }

  /** Ends the largest holders until the rest is within the limit. */
  #enforceLimit(): void {
    this.#settleAll();
    const { limit, budgets } = this.#options;
    if (this.#used <= limit) return;
    const staying = [...this.#holdings].filter(([, { leaving }]) => !leaving);
    const shares = staying.map(([holder, holding]) => {
      return { holder, holding, bytes: this.#shareOf(holding) };
    });
    for (const { holder, holding } of sharesToEnd(shares, limit)) {
      holding.leaving = true;
      budgets.refuse('limits.outputTotal');
      holder.giveUp();
    }
  }

  #shareOf({ buffers, unattributed }: HeldOutput): number {
    let bytes = unattributed;
    for (const buffer of buffers) bytes += buffer.length / (this.#sharers.get(buffer) ?? 1);
    return bytes;
  }
}

interface OutputShare {
  readonly holder: OutputHolder;
  readonly holding: HeldOutput;
  readonly bytes: number;
}

/**
 * The holders to end so that the rest is within the limit: each time the largest holder of the
 * address that holds most by then. So many small holders of one address do not outlast a single one
 * of another.
 */
function sharesToEnd(shares: readonly OutputShare[], limit: number): OutputShare[] {
  const networks = new Map<string, { bytes: number; shares: OutputShare[] }>();
  let left = 0;
  for (const share of shares.toSorted((a, b) => a.bytes - b.bytes)) {
    const network = networkOf(share.holder.address);
    const of = networks.get(network) ?? { bytes: 0, shares: [] };
    of.bytes += share.bytes;
    of.shares.push(share);
    networks.set(network, of);
    left += share.bytes;
  }
  const ended: OutputShare[] = [];
  if (left <= limit) return ended;
  const groups = [...networks.values()];
  while (left > limit * targetFill) {
    const largest = groups.reduce((most, group) => (group.bytes > most.bytes ? group : most));
    const share = largest.shares.pop();
    if (!share) break;
    largest.bytes -= share.bytes;
    left -= share.bytes;
    ended.push(share);
  }
  return ended;
}
