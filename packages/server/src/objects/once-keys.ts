import type { OnceKey, OnceRecord, Store } from '../store/store.js';
import type { WriteResult } from './line.js';

/**
 * Commands that carry a once-key: of two with one key that are under way at the same time, the second
 * waits for what becomes of the first. What was committed earlier the store knows; its word at the
 * commit is the last one.
 */
export class OnceKeys {
  readonly #store: Store;
  /** By uid and id: resolves to the record of the command that is under way, `undefined` where it came to nothing. */
  readonly #underWay = new Map<string, Promise<OnceRecord | undefined>>();

  constructor(store: Store) {
    this.#store = store;
  }

  async lookUp(key: OnceKey): Promise<OnceRecord | undefined> {
    return await this.#store.once(key.uid, key.id);
  }

  /** Runs `write`, unless a command with the same key that is under way comes to something. */
  async guard(key: OnceKey, write: () => Promise<WriteResult>): Promise<WriteResult> {
    const name = JSON.stringify([key.uid, key.id]);
    for (let other = this.#underWay.get(name); other; other = this.#underWay.get(name)) {
      const first = await other;
      if (first) return { kind: 'repeated', first };
    }
    const result = write();
    const record = result.then(
      (outcome) => recordOf(key, outcome),
      () => undefined,
    );
    this.#underWay.set(name, record);
    try {
      return await result;
    } finally {
      this.#underWay.delete(name);
    }
  }
}

function recordOf(key: OnceKey, result: WriteResult): OnceRecord | undefined {
  if (result.kind === 'repeated') return result.first;
  if (result.kind !== 'committed') return undefined;
  const { r, rev } = result.write.change;
  return { ...key, results: [{ r, rev }] };
}
