import type { LookupFinder, ReadLookups } from '../../model/lookups/lookup.js';

/**
 * Maximum objects remembered: those of several authorizations, of which two may be in progress. A
 * model has at most 8 lookups (rule LKP1), and an object few parents.
 */
const maxRemembered = 128;

/** Gets what a recorder remembers. */
export interface LookupListener {
  readonly onAdded: (r: string) => void;
  readonly onForgotten: (r: string) => void;
}

/**
 * Finds what is stored, and remembers what was looked for, whether it exists or not, before it is
 * read: where the lookups of an object depend on its content, this says which changes concern it.
 */
export class LookupRecorder implements LookupFinder {
  readonly #read: ReadLookups;
  /** In the order of their last use. */
  readonly #rs = new Set<string>();
  #listener: LookupListener | undefined;

  constructor(read: ReadLookups) {
    this.#read = read;
  }

  readonly read: ReadLookups = (rs) => {
    for (const r of rs) this.add(r);
    return this.#read(rs);
  };

  has(r: string): boolean {
    return this.#rs.has(r);
  }

  add(r: string): void {
    const isKnown = this.#rs.delete(r);
    this.#rs.add(r);
    if (!isKnown) this.#listener?.onAdded(r);
    if (this.#rs.size <= maxRemembered) return;
    const [oldest] = this.#rs;
    if (oldest === undefined) return;
    this.#rs.delete(oldest);
    this.#listener?.onForgotten(oldest);
  }

  /** Remembers what another recorder does. */
  addAll(other: LookupRecorder): void {
    for (const r of other.#rs) this.add(r);
  }

  /** Calls this listener with what is remembered now, and with each change of it. Returns how to stop. */
  listen(listener: LookupListener): () => void {
    this.#listener = listener;
    for (const r of this.#rs) listener.onAdded(r);
    return () => {
      if (this.#listener === listener) this.#listener = undefined;
    };
  }
}
