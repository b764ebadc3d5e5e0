import type { LiveSnapshot } from '../live/live-snapshot.js';
import { type LiveResult, loadingResult } from './live-result.js';

/** The part of a live copy that is used here. */
export interface CopySource {
  getSnapshot(): LiveSnapshot<unknown>;
  subscribe(listener: () => void): () => void;
  close(): void;
}

/** Milliseconds, 24 days: a longer timer fires at once. */
const longestTimer = 2 ** 31 - 1;

interface Loading {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** A live copy for any number of components. It outlives the last of them a little: a page that is left for another one often comes back. */
export class SharedCopy {
  readonly #source: CopySource;
  readonly #onClose: () => void;
  #holders = 0;
  #linger: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What components wait for that have suspended. */
  #loading: Loading | undefined;
  /** Whether one asked since the timer was set. */
  #isAsked = false;

  constructor(source: CopySource, linger: number, onClose: () => void) {
    this.#source = source;
    this.#linger = linger;
    this.#onClose = onClose;
    // The component that asked for it may never be mounted.
    this.#wait();
  }

  getSnapshot(): LiveResult<unknown> {
    const snapshot = this.#source.getSnapshot();
    // As before there was a copy: no reason to render again.
    const isEmpty = snapshot.status === 'loading' && snapshot.value === undefined;
    if (isEmpty && snapshot.stale && !snapshot.pending) return loadingResult;
    // Closed only when nobody reads it any more.
    return snapshot as LiveResult<unknown>;
  }

  subscribe(listener: () => void, linger: number): () => void {
    this.#holders += 1;
    this.#linger = linger;
    clearTimeout(this.#timer);
    const end = this.#source.subscribe(listener);
    let isEnded = false;
    return () => {
      if (isEnded) return;
      isEnded = true;
      end();
      this.#holders -= 1;
      if (this.#holders === 0) this.#wait();
    };
  }

  load(): Promise<void> {
    this.#isAsked = true;
    // It may have been known before a component asked for it.
    if (!this.#isLoading) return Promise.resolve();
    this.#loading ??= this.#startLoading();
    return this.#loading.promise;
  }

  get #isLoading(): boolean {
    return this.#source.getSnapshot().status === 'loading';
  }

  #startLoading(): Loading {
    let finish = () => {};
    const promise = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const look = () => {
      if (!this.#isLoading) resolve();
    };
    const end = this.#source.subscribe(look);
    const resolve = () => {
      end();
      this.#loading = undefined;
      finish();
    };
    return { promise, resolve };
  }

  #wait(): void {
    this.#isAsked = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#expire(), Math.min(this.#linger, longestTimer));
  }

  /**
   * React does not say whether a component that has suspended still waits. So the promise is resolved: who waits is
   * rendered again, and asks again.
   */
  #expire(): void {
    const isAsked = this.#isAsked && this.#loading !== undefined;
    this.#loading?.resolve();
    if (isAsked) {
      this.#wait();
      return;
    }
    this.#onClose();
    this.#source.close();
  }
}
