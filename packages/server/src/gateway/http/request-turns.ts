import type { Clock } from '../../platform/platform.js';
import { TickSlice } from '../../platform/scheduling/tick-slice.js';
import { networkOf } from '../server/address-network.js';

/** Milliseconds of a tick: most commands of others take several ticks. */
const requestTime = 4;

/**
 * Begins HTTP requests for some 4 ms in each tick of the event loop, including what each does at
 * once. Those that come in when that is over begin later, one of each address in turn (rule LIM48):
 * a thousand connections may each have one at the same moment.
 */
export class RequestTurns {
  readonly #slice: TickSlice;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#slice = new TickSlice(clock, requestTime);
  }

  /** Begins it now, or in a later tick. */
  take(address: string, begin: () => void): void {
    if (this.#slice.isOver) void this.#slice.rest(networkOf(address)).then(begin);
    else begin();
  }
}
