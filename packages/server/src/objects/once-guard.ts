import type { Store } from '../store/store.js';
import type { OnceKey, OnceRecord, Write } from '../store/write-group.js';

interface Repeated {
  readonly kind: 'repeated';
  readonly first: OnceRecord;
}

/** The part of a result that matters here: whether anything was written. */
interface Outcome {
  readonly kind: string;
  readonly first?: OnceRecord;
  readonly write?: Write;
  readonly writes?: readonly Write[];
}

/**
 * Commands that carry a once-key: of two concurrent ones with the same key, the second waits for
 * the outcome of the first. Keys committed earlier are in the store, whose check at the commit is
 * decisive.
 */
export class OnceGuard {
  readonly #store: Store;
  /**
   * By uid and id: resolves to the record of the command in flight, or `undefined` where it wrote
   * nothing.
   */
  readonly #inFlight = new Map<string, Promise<OnceRecord | undefined>>();

  constructor(store: Store) {
    this.#store = store;
  }

  async lookUp(key: OnceKey): Promise<OnceRecord | undefined> {
    return await this.#store.once(key.uid, key.id);
  }

  /** Runs `write`, unless a command in flight with the same key writes something. */
  async guard<Result extends Outcome>(
    key: OnceKey,
    write: () => Promise<Result>,
  ): Promise<Result | Repeated> {
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

function recordOf(key: OnceKey, result: Outcome): OnceRecord | undefined {
  if (result.first) return result.first;
  const writes = result.write ? [result.write] : result.writes;
  return writes && { ...key, results: writes.map(({ object: { r, rev } }) => ({ r, rev })) };
}
