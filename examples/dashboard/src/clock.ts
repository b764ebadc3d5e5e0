import type { Really } from '@really/client';
import type { Models } from './really.js';

/** How far the server's clock is ahead of the one here, and how wrong that may be, in milliseconds. */
export interface ClockDifference {
  readonly ahead: number;
  readonly within: number;
}

/**
 * Compares the clocks as NTP does: the server notes when it makes an object, and that was some time between the request
 * and its answer. Of a few attempts the quickest says it best.
 */
export async function compareClocks(really: Really<Models>): Promise<ClockDifference> {
  const found: ClockDifference[] = [];
  while (found.length < 5) {
    const asked = Date.now();
    const { _r, at } = await really.collection('/clocks').create({}, { queue: false });
    const within = (Date.now() - asked) / 2;
    found.push({ ahead: Date.parse(at) - asked - within, within });
    void really.object(_r).delete();
  }
  return found.reduce((best, other) => (other.within < best.within ? other : best));
}
