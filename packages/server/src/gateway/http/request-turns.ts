import type { Clock } from '../../platform/platform.js';
import { FairQueue } from '../../platform/scheduling/fair-queue.js';
import { NextTick } from '../../platform/scheduling/next-tick.js';
import { TickSlice } from '../../platform/scheduling/tick-slice.js';
import { networkOf } from '../server/address-network.js';

/**
 * Begins HTTP requests for some 10 ms in each tick of the event loop. Those that come in when that
 * is over begin later, one of each address in turn (rule LIM48): a thousand connections may each
 * have one at the same moment.
 */
export class RequestTurns {
  readonly #slice: TickSlice;
  readonly #waiting = new FairQueue<() => void>();
  readonly #nextTick = new NextTick(() => this.#proceed());

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#slice = new TickSlice(clock);
  }

  /** Begins it now, or in a later tick. */
  take(address: string, begin: () => void): void {
    if (this.#waiting.size === 0 && !this.#slice.isOver) {
      begin();
    } else {
      this.#waiting.push(networkOf(address), begin);
      this.#nextTick.request();
    }
  }

  #proceed(): void {
    while (!this.#slice.isOver) {
      const begin = this.#waiting.shift();
      if (!begin) return;
      begin();
    }
    if (this.#waiting.size > 0) this.#nextTick.request();
  }
}
