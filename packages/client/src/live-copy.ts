import type { ListChange, LiveSnapshot, LiveStatus, ObjectChange } from './live/live-snapshot.js';
import type { LiveSource } from './live-port.js';
import { Observable } from './observable.js';
import type { ReallyError } from './really-error.js';

/**
 * A copy of an object or of a list that is kept up to date until it is closed. Every change reaches
 * each listener once and in order, also across lost connections. Rules TSC6 and TSC10.
 */
export class LiveCopy<Value, Change = ObjectChange> {
  readonly #feed: LiveSource<Value, Change>;
  readonly #release: () => void;
  readonly #changes = new Observable<[Value | undefined, Change | { readonly kind: 'status' }]>();
  readonly #end: () => void;
  #closed: LiveSnapshot<Value> | undefined;

  constructor(feed: LiveSource<Value, Change>, release: () => void) {
    this.#feed = feed;
    this.#release = release;
    this.#end = feed.changes.subscribe((change) => this.#changes.emit(this.value, change));
  }

  get value(): Value | undefined {
    return this.getSnapshot().value;
  }

  get status(): LiveStatus {
    return this.getSnapshot().status;
  }

  get error(): ReallyError | undefined {
    return this.getSnapshot().error;
  }

  getSnapshot(): LiveSnapshot<Value> {
    return this.#closed ?? this.#feed.getSnapshot();
  }

  /** Calls the listener at every change, not for the present value. Returns what ends that. */
  subscribe(
    listener: (value: Value | undefined, change: Change | { readonly kind: 'status' }) => void,
  ): () => void {
    return this.#changes.subscribe(listener);
  }

  /** Ends it: the value stays as it is. */
  close(): void {
    if (this.#closed) return;
    this.#closed = { ...this.#feed.getSnapshot(), status: 'closed', stale: true };
    this.#end();
    this.#release();
    this.#changes.emit(this.#closed.value, { kind: 'status' });
  }
}

export type LiveObject<Read> = LiveCopy<Read, ObjectChange>;
export type LiveList<Read> = LiveCopy<readonly Read[], ListChange>;
