import type { Platform } from '../../../platform/platform.js';
import { StoreUnavailable } from '../../store-errors.js';

/** Milliseconds without a reply after which writes count as stuck. */
const stuckAfter = 5000;
/** Milliseconds between two attempts to write after a failure. */
const retryAfter = 1000;

/** The public reason for an error of the writer, without details of the store. */
const reasons: readonly [RegExp, string][] = [
  [/^SQLITE_FULL/, 'the disk is full'],
  [/^SQLITE_READONLY/, 'the disk is read-only'],
  [/^SQLITE_(IOERR|CORRUPT|NOTADB|CANTOPEN)/, 'the disk fails'],
  [/^SQLITE_(BUSY|LOCKED)/, 'another program holds the database'],
  [/ was removed/, 'a file of the database was removed'],
];

/**
 * Whether writes can be served (rule DUR11): known from the outcome of the last ones, so that
 * nothing has to be written to find out. After a failure it tries again each second until a write
 * works.
 */
export class WriterHealth {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #retry: () => Promise<unknown>;
  #waiting = 0;
  /** When the last reply came, or when the first pending request began to wait. */
  #progress = 0;
  /** Until it is over, a retry is due. */
  #trouble: string | undefined;

  constructor(platform: Pick<Platform, 'clock' | 'timers'>, retry: () => Promise<unknown>) {
    this.#platform = platform;
    this.#retry = retry;
  }

  /** Why writes cannot be served, in a few words; `undefined` where they can. */
  get trouble(): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    const isStuck = this.#waiting > 0 && this.#now() - this.#progress >= stuckAfter;
    return isStuck ? 'writes are stuck' : undefined;
  }

  /** Tracks a request to the writer. */
  async follow<T>(request: Promise<T>): Promise<T> {
    if (this.#waiting === 0) this.#progress = this.#now();
    this.#waiting += 1;
    try {
      return await request;
    } catch (error) {
      if (error instanceof StoreUnavailable) this.#failed(error);
      throw error;
    } finally {
      this.#waiting -= 1;
      this.#progress = this.#now();
    }
  }

  #failed({ message }: StoreUnavailable): void {
    const isRetried = this.#trouble !== undefined;
    this.#trouble = reasons.find(([sign]) => sign.test(message))?.[1] ?? 'writes fail';
    if (!isRetried) this.#retryLater();
  }

  #retryLater(): void {
    this.#platform.timers.after(retryAfter, () => {
      this.#retry().then(
        () => {
          this.#trouble = undefined;
        },
        () => this.#retryLater(),
      );
    });
  }

  #now(): number {
    return this.#platform.clock.monotonic();
  }
}
