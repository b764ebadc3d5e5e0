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

/** Milliseconds after which a store that was away is tried again: that is no fault of the entry. */
const storeRetry = 1000;

/** Entries that are to be tried again. How often they were, and when the next time is, is kept with them. */
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

  /** Milliseconds until it may be tried; never more than the longest delay, however the clock was set since. */
  notBefore({ data }: StoredObject): number {
    if (typeof data.due !== 'number') return 0;
    const { platform, backoff } = this.#options;
    return Math.min(data.due - platform.clock.now(), backoff.longest);
  }

  /** After `attempts` failures, the last for this reason; not before `atLeast` milliseconds. */
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

/** The store could not serve. */
export function isStoreDown(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true;
  return error instanceof ProtocolError && error.message === 'server.unavailable';
}
