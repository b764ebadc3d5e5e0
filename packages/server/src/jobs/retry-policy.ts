import type { Random } from '../platform/platform.js';

/** When a failed job is tried again, and when it is given up. Times are in milliseconds. */
export interface RetryPolicy {
  /** The delay after each failed attempt; after further ones the last delay. */
  readonly delays: readonly number[];
  /** The part of a delay that is random, from 0 to 1: `0.5` for half of the delay or more. */
  readonly jitter: number;
  /** Attempts until the job is given up; `Infinity` for never. */
  readonly attempts: number;
  /** Time since `at` of the entry after which the job is given up, however often it was tried. */
  readonly age?: number | undefined;
  /**
   * True if a failed job is due at once after a restart of the server, whatever is left of its
   * delay.
   */
  readonly dueAtRestart?: boolean | undefined;
}

/** Delays from `first` on, doubled each time, up to `longest`. */
export function doubling(first: number, longest: number): number[] {
  const delays: number[] = [];
  for (let delay = first; delay < longest; delay *= 2) delays.push(delay);
  return [...delays, longest];
}

/** The delay after so many failed attempts; `undefined` where the job is given up. */
export function delayAfter(
  attempts: number,
  { delays, jitter, attempts: limit }: RetryPolicy,
  random: Random,
): number | undefined {
  if (attempts >= limit) return undefined;
  const whole = delays[attempts - 1] ?? delays.at(-1) ?? 0;
  const [high = 0, low = 0] = random.bytes(2);
  return Math.ceil(whole * (1 - jitter + (jitter * (high * 256 + low)) / 65_536));
}
