import '../live/mod.js';
import type { Really } from '../really.js';
import { type ListQuery, readOptions } from '../requests/list-query.js';
import { failedResult, type LiveResult, loadingResult } from './live-result.js';
import { perClient } from './per-client.js';
import { SharedCopy } from './shared-copy.js';

/** An object or a query that components show. */
export interface CopyTarget {
  /** The same for the same one. */
  readonly key: string;
  readonly r: string;
  /** `undefined`: an object. */
  readonly query: ListQuery | undefined;
}

export function copyTarget(r: string, query?: ListQuery): CopyTarget {
  return { key: JSON.stringify([r, query && readOptions(query)]), r, query };
}

/**
 * The live copies that the components of an app show, one for each object and query however many components there
 * are. It is outside of React: what a render reads is the same for all of them, also in a render that React gives up.
 */
export class SharedCopies {
  readonly #client: Really;
  readonly #copies = new Map<string, SharedCopy>();
  #uid: string | undefined;

  constructor(client: Really) {
    this.#client = client;
  }

  /** Of the user of this session, or of the last one where there is none. */
  get uid(): string | undefined {
    this.#uid = this.#client.user?.uid ?? this.#uid;
    return this.#uid;
  }

  /** Has no effect, so that a render may call it. */
  getSnapshot({ key }: CopyTarget): LiveResult<unknown> {
    return this.#copies.get(key)?.getSnapshot() ?? loadingResult;
  }

  /** Keeps the copy up to date until `linger` milliseconds after the last one that subscribed has ended it. */
  subscribe(target: CopyTarget, listener: () => void, linger: number): () => void {
    return this.#copy(target, linger).subscribe(listener, linger);
  }

  /** Resolves when there is something to show. A component that suspends has not subscribed yet. */
  load(target: CopyTarget, linger: number): Promise<void> {
    return this.#copy(target, linger).load();
  }

  #copy(target: CopyTarget, linger: number): SharedCopy {
    const known = this.#copies.get(target.key);
    if (known) return known;
    const copy = new SharedCopy(this.#open(target), linger, () => this.#copies.delete(target.key));
    this.#copies.set(target.key, copy);
    return copy;
  }

  #open({ r, query }: CopyTarget) {
    const client = this.#client;
    try {
      return query === undefined
        ? client.live(client.object(r))
        : client.live(client.collection(r), query);
    } catch (error) {
      const result = failedResult(r, error);
      return { getSnapshot: () => result, subscribe: () => () => {}, close: () => {} };
    }
  }
}

/** Those of this client. */
export const sharedCopiesOf = perClient((client) => new SharedCopies(client));
