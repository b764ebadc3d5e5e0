import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Refused } from './bench-client.js';

/** Results of one operation. Milliseconds, ascending. */
export interface Measured {
  readonly name: string;
  readonly seconds: number;
  readonly latencies: readonly number[];
  /** How many requests the server's rate limits refused. */
  readonly limited: number;
}

/** Runs the operations of every worker one after the other for `time` ms. Rejects with the first failure. */
export async function measure(
  name: string,
  workers: readonly (() => Promise<unknown>)[],
  time: number,
): Promise<Measured> {
  const latencies: number[] = [];
  let limited = 0;
  const begun = performance.now();
  const end = begun + time;
  await Promise.all(
    workers.map(async (operation) => {
      for (let from = performance.now(); from < end; ) {
        const wait = await allowed(operation);
        const to = performance.now();
        if (wait === 0) {
          latencies.push(to - from);
        } else {
          limited += 1;
          await pause(Math.min(wait * 1000, Math.max(0, end - to)));
        }
        from = performance.now();
      }
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  return { name, seconds, latencies: latencies.sort((a, b) => a - b), limited };
}

/** 0, or the seconds until the server would accept it. Rejects with any other failure. */
async function allowed(operation: () => Promise<unknown>): Promise<number> {
  try {
    await operation();
    return 0;
  } catch (error) {
    if (error instanceof Refused && error.retryAfter !== undefined) return error.retryAfter;
    throw error;
  }
}

/** The given percentile of the values. */
export function percentile(ascending: readonly number[], percent: number): number {
  const index = Math.min(ascending.length - 1, Math.floor((ascending.length * percent) / 100));
  return ascending[index] ?? Number.NaN;
}
