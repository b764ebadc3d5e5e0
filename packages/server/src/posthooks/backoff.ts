import type { Random } from '../platform/platform.js';

export interface Backoff {
  /** Milliseconds after the first failure. */
  readonly first: number;
  /** Maximum, milliseconds. */
  readonly longest: number;
}

/** Milliseconds until the next attempt: doubled each time, randomly within the upper half. */
export function delayAfter(attempts: number, { first, longest }: Backoff, random: Random): number {
  const whole = Math.min(longest, first * 2 ** Math.min(attempts - 1, 30));
  const [high = 0, low = 0] = random.bytes(2);
  return Math.ceil(whole * (0.5 + (high * 256 + low) / 131_072));
}
