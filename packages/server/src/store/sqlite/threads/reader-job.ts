import type { Platform, Timer } from '../../../platform/platform.js';
import { QueryTimeout } from '../../store-errors.js';
import type { ReadRequester } from '../../store-reads.js';
import type { ReaderRequest } from './messages.js';

/** A read may wait for others this many times its own timeout. */
const waitFactor = 3;

/** They scan a whole table and cannot be stopped. */
const unstoppable: ReadonlySet<ReaderRequest['kind']> = new Set(['outdated', 'count-outdated']);

export interface ReaderJobOptions {
  readonly request: ReaderRequest;
  /** Milliseconds that it may take; unlimited if missing. */
  readonly timeout: number | undefined;
  readonly requester: ReadRequester | undefined;
  readonly resolve: (json: string) => void;
  readonly reject: (error: unknown) => void;
}

/** A pending read: how long it waited, which is not its own time, and how long it may run. */
export class ReaderJob {
  /** How often it yielded. */
  level = 0;
  readonly #options: ReaderJobOptions;
  readonly #platform: Platform;
  /** Milliseconds that it may take. */
  readonly #timeout: number;
  #timer: Timer | undefined;
  #since = 0;
  #waited = 0;
  #isSettled = false;

  constructor(options: ReaderJobOptions, platform: Platform) {
    this.#options = options;
    this.#platform = platform;
    this.#timeout = options.timeout ?? Number.POSITIVE_INFINITY;
  }

  get owner(): string {
    return this.#options.requester?.owner ?? '';
  }

  get isUnstoppable(): boolean {
    return unstoppable.has(this.#options.request.kind);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Starts to wait; `giveUp` is called when that takes too long. */
  wait(giveUp: () => void): void {
    this.#since = this.#platform.clock.monotonic();
    this.#setTimer(waitFactor * this.#timeout - this.#waited, giveUp);
  }

  /** A thread begins it, and yields to waiting reads after `quantum` milliseconds. */
  begin(quantum?: number): ReaderRequest {
    this.#countWait();
    // The caller is answered in time, whatever the thread does.
    this.#setTimer(this.#timeout, () => this.timeOut());
    return { ...this.#options.request, timeout: this.#timeout, quantum };
  }

  /** It yielded and starts over later: what was done is lost, and not its own time. */
  giveWay(): void {
    this.#countWait();
    this.level += 1;
  }

  /** A thread worked for it so many milliseconds. */
  spend(time: number): void {
    this.#options.requester?.spend?.(time);
  }

  resolve(json: string): void {
    if (this.#settle()) this.#options.resolve(json);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#options.reject(error);
  }

  timeOut(): void {
    this.reject(new QueryTimeout(`the query took longer than ${this.#timeout} ms`));
  }

  #countWait(): void {
    const now = this.#platform.clock.monotonic();
    const { requester } = this.#options;
    this.#waited += now - this.#since;
    if (requester) requester.waited += now - this.#since;
    this.#since = now;
  }

  #setTimer(time: number, task: () => void): void {
    this.#timer?.cancel();
    this.#timer = Number.isFinite(time) ? this.#platform.timers.after(time, task) : undefined;
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#timer?.cancel();
    return true;
  }
}
