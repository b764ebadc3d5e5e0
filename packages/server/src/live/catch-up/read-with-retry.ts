import type { Platform } from '../../platform/platform.js';
import { StoreUnavailable } from '../../store/store.js';

/** Milliseconds between one try and the next. After the last one the subscriber is told to come again. */
const retryDelays = [50, 100, 200, 400, 800, 1600];

/**
 * Reads from the store, again after a while where it is away, and a bounded number of times.
 * Rejects as the last try did, or at once with any other failure.
 */
export async function readWithRetry<T>(platform: Platform, read: () => Promise<T>): Promise<T> {
  for (const delay of retryDelays) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
    await new Promise<void>((resolve) => {
      platform.timers.after(delay, resolve);
    });
  }
  return await read();
}
