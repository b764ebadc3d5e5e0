import type { Store } from '../store/store.js';
import type { OnceKey, OnceRecord } from '../store/write-group.js';
import type { WriteAllResult, WriteResult } from './write-request.js';

type Result = WriteResult | WriteAllResult;
type Repeated = Extract<Result, { kind: 'repeated' }>;

/**
 * Commands that carry a once-key: of two concurrent ones with the same key, the second waits for
 * the outcome of the first. Keys committed earlier are in the store, whose check at the commit is
 * decisive.
 */
export class OnceGuard {
  readonly #store: Store;
  /** By uid and id of commands in flight. `undefined`: nothing was written. */
  readonly #inFlight = new Map<string, Promise<OnceRecord | undefined>>();

  constructor(store: Store) {
    this.#store = store;
  }

  async lookUp(key: OnceKey): Promise<OnceRecord | undefined> {
    return await this.#store.once(key.uid, key.id);
  }

  /** Runs `write`, unless a command in flight with the same key writes something. */
  async guard<R extends Result>(key: OnceKey, write: () => Promise<R>): Promise<R | Repeated> {
    const name = JSON.stringify([key.uid, key.id]);
    for (let other = this.#inFlight.get(name); other; other = this.#inFlight.get(name)) {
      const first = await other;
      if (first) return { kind: 'repeated', first };
    }
    const result = write();
    const record = result.then(
      (outcome) => recordOf(key, outcome),
      () => undefined,
    );
    this.#inFlight.set(name, record);
    try {
      return await result;
    } finally {
      this.#inFlight.delete(name);
    }
  }
}

/** `undefined` where nothing was written. */
function recordOf(key: OnceKey, result: Result): OnceRecord | undefined {
  if (result.kind === 'repeated') return result.first;
  if (result.kind !== 'committed') return undefined;
  const writes = 'write' in result ? [result.write] : result.writes;
  return { ...key, results: writes.map(({ object: { r, rev } }) => ({ r, rev })) };
}
