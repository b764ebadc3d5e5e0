import { Observable } from '../observable.js';
import type { ReallyError } from '../really-error.js';
import type { LiveSnapshot, LiveStatus } from './live-snapshot.js';

/** What keeps one thing up to date, for however many live copies of the app. */
export abstract class Feed<Value, Change> {
  readonly changes = new Observable<[Change | { readonly kind: 'status' }]>();
  holders = 0;
  error: ReallyError | undefined;
  #status: Exclude<LiveStatus, 'closed'> = 'loading';
  #isStale = true;
  #snapshot: LiveSnapshot<Value> | undefined;

  /** What is to be shown; the same reference until it changes. */
  protected abstract get value(): Value | undefined;
  protected abstract get isPending(): boolean;

  get status(): Exclude<LiveStatus, 'closed'> {
    return this.#status;
  }

  getSnapshot(): LiveSnapshot<Value> {
    this.#snapshot ??= {
      status: this.#status,
      value: this.value,
      stale: this.#isStale,
      pending: this.isPending,
      error: this.error,
    };
    return this.#snapshot;
  }

  /** Tells all listeners of a change. */
  protected emit(change: Change | { readonly kind: 'status' }): void {
    this.#snapshot = undefined;
    this.changes.emit(change);
  }

  /** Moves to a status without telling anybody: a change follows. Returns whether it is another one. */
  protected move(status: Exclude<LiveStatus, 'closed'>, isStale: boolean): boolean {
    if (status === this.#status && isStale === this.#isStale) return false;
    this.#status = status;
    this.#isStale = isStale;
    if (status !== 'failed') this.error = undefined;
    this.#snapshot = undefined;
    return true;
  }

  /** Moves to a status, and tells. */
  protected enter(status: Exclude<LiveStatus, 'closed'>, isStale: boolean): void {
    if (this.move(status, isStale)) this.emit({ kind: 'status' });
  }

  fail(error: ReallyError): void {
    this.error = error;
    this.move('failed', true);
    this.emit({ kind: 'status' });
  }
}
