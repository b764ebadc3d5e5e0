import { ProtocolError } from '@really/protocol';
import type { Objects } from '../objects/objects.js';
import { SystemRecords } from '../objects/system-records.js';
import type { Platform } from '../platform/platform.js';
import { type StoredObject, StoreUnavailable } from '../store/store.js';
import { type Backoff, delayAfter } from './backoff.js';
import type { QueueAttempt } from './durable-queue.js';

export interface RetriesOptions {
  readonly objects: Objects;
  readonly platform: Platform;
  readonly backoff: Backoff;
}

/**
 * Milliseconds after which an unavailable store is tried again: not counted as a failed attempt of
 * the entry.
 */
const storeRetry = 1000;

/**
 * Retries of entries. The number of attempts and the time of the next one are stored with the
 * entry.
 */
export class Retries {
  readonly #options: RetriesOptions;
  readonly #records: SystemRecords;

  constructor(options: RetriesOptions) {
    this.#options = options;
    this.#records = new SystemRecords(options.objects);
  }

  attemptsOf({ data }: StoredObject): number {
    return typeof data.attempts === 'number' ? data.attempts : 0;
  }

  /**
   * Milliseconds until it may be tried; never more than the maximum delay, whatever happened to the
   * clock.
   */
  notBefore({ data }: StoredObject): number {
    if (typeof data.due !== 'number') return 0;
    const { platform, backoff } = this.#options;
    return Math.min(data.due - platform.clock.now(), backoff.longest);
  }

  /** After `attempts` failures, the last for this reason; in `atLeast` milliseconds or later. */
  async schedule(
    { r }: StoredObject,
    attempts: number,
    reason: string,
    atLeast = 0,
  ): Promise<QueueAttempt> {
    const { platform, backoff } = this.#options;
    const after = Math.max(atLeast, delayAfter(attempts, backoff, platform.random));
    const due = Math.ceil(platform.clock.now() + after);
    try {
      await this.#records.put(r, (held) => ({ ...held, attempts, due, reason }));
    } catch (error) {
      if (!isStoreDown(error)) throw error;
    }
    return { kind: 'retry', after };
  }

  storeDown(): QueueAttempt {
    return { kind: 'retry', after: storeRetry };
  }
}

/** True where the store was unavailable. */
export function isStoreDown(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true;
  return error instanceof ProtocolError && error.message === 'server.unavailable';
}
