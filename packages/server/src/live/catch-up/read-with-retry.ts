import type { Platform } from '../../platform/platform.js';
import { StoreUnavailable } from '../../store/store-errors.js';

/** Milliseconds between attempts. After the last one the subscription fails with 503. */
const retryDelays = [50, 100, 200, 400, 800, 1600];

/** Retries while the store is unavailable, a few times. Rejects at once with any other error. */
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
