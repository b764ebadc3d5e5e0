import type { OnceKey, OnceRecord, Store, Write } from '../store/store.js';

interface Repeated {
  readonly kind: 'repeated';
  readonly first: OnceRecord;
}

/** What is looked at in a result: what was written, if anything was. */
interface Outcome {
  readonly kind: string;
  readonly first?: OnceRecord;
  readonly write?: Write;
  readonly writes?: readonly Write[];
}

/**
 * Commands that carry a once-key: of two with one key that are under way at the same time, the second
 * waits for what becomes of the first. What was committed earlier the store knows; its word at the
 * commit is the last one.
 */
export class OnceGuard {
  readonly #store: Store;
  /** By uid and id: resolves to the record of the command that is under way, `undefined` where it came to nothing. */
  readonly #inFlight = new Map<string, Promise<OnceRecord | undefined>>();

  constructor(store: Store) {
    this.#store = store;
  }

  async lookUp(key: OnceKey): Promise<OnceRecord | undefined> {
    return await this.#store.once(key.uid, key.id);
  }

  /** Runs `write`, unless a command with the same key that is under way comes to something. */
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
