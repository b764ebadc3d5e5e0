import type { Clock } from '../platform/platform.js';
import { type StoredObject, StoreUnavailable } from '../store/store.js';
import type { Committer, Settlement } from './committer.js';
import { estimateAllBytes } from './estimate-bytes.js';
import type { ObjectCache } from './object-cache.js';
import type { OnceGuard } from './once-guard.js';
import { storeFailure, unavailable } from './unavailable.js';
import { BatchEntry, type WriteBatch } from './write-batch.js';
import type { PreparedWrite, ReadObjects, WriteAllResult } from './write-request.js';

/** Milliseconds of judging after which others get a turn: a batch may have a hundred commands that are each as dear as may be. */
const slice = 10;

export interface BatchRunnerOptions {
  readonly clock: Clock;
  readonly cache: ObjectCache;
  readonly committer: Committer;
  readonly once: OnceGuard;
  /** Looks at objects that are not the batch's own, as one that came at `order`. */
  readonly readObjects: (
    rs: readonly string[],
    order: number,
  ) => Promise<(StoredObject | undefined)[]>;
  /** Races that a batch may lose against other nodes before it is given up. */
  readonly conflictRetries: number;
  /** Bytes that a batch may write, about: it is one commit, and nobody else's write gets in between. */
  readonly bytes: number;
  readonly onRetry: (requests: number) => void;
}

type PreparedBatch =
  | { readonly kind: 'prepared'; readonly writes: readonly PreparedWrite[] }
  | Extract<WriteAllResult, { kind: 'refused' | 'too-large' }>;

/**
 * Judges batches and has them committed. A batch has the lines of its objects for itself, so it stands on
 * what is stored, and only writers elsewhere can come between: then it is judged again.
 */
export class BatchRunner {
  readonly #options: BatchRunnerOptions;

  constructor(options: BatchRunnerOptions) {
    this.#options = options;
  }

  /** Rejects with 503, or with an unexpected failure. */
  async run(batch: WriteBatch): Promise<WriteAllResult> {
    try {
      for (let conflicts = 0; conflicts <= this.#options.conflictRetries; conflicts++) {
        if (conflicts > 0) this.#options.onRetry(batch.requests.length);
        const result = await this.#attempt(batch, conflicts === 0);
        if (result) return result;
      }
    } catch (error) {
      throw storeFailure(error);
    } finally {
      // Whoever is behind this one waits for those before it, too.
      await batch.predecessorsTried();
      batch.markTried();
    }
    throw unavailable();
  }

  /** `undefined` where another writer was faster. */
  async #attempt(batch: WriteBatch, isFirst: boolean): Promise<WriteAllResult | undefined> {
    const { once } = batch;
    const repeated = once && (await this.#options.once.lookUp(once));
    if (repeated) return { kind: 'repeated', first: repeated };
    const prepared = await this.#prepareAll(batch, isFirst);
    if (prepared.kind !== 'prepared') return prepared;
    await batch.predecessorsTried();
    return await this.#commit(batch, prepared.writes);
  }

  async #prepareAll(batch: WriteBatch, isFirst: boolean): Promise<PreparedBatch> {
    const heads = await this.#stored(batch, isFirst);
    const readObjects = this.#readObjectsWith(heads, batch.order);
    const writes: PreparedWrite[] = [];
    let bytes = 0;
    let began = this.#options.clock.monotonic();
    for (const [index, { r, prepare }] of batch.requests.entries()) {
      try {
        const write = await prepare(heads.get(r), readObjects);
        bytes += estimateAllBytes(write);
        if (bytes > this.#options.bytes && index > 0) return { kind: 'too-large' };
        writes.push(write);
        heads.set(r, write.object);
        began = await this.#yieldAfterSlice(began);
      } catch (error) {
        return { kind: 'refused', index, error: storeFailure(error) };
      }
    }
    return { kind: 'prepared', writes };
  }

  /** The batch's own objects as the requests so far leave them, and others as they are. */
  #readObjectsWith(
    heads: ReadonlyMap<string, StoredObject | undefined>,
    order: number,
  ): ReadObjects {
    return async (rs) => {
      const foreign = rs.filter((r) => !heads.has(r));
      const others = await this.#options.readObjects(foreign, order);
      let next = 0;
      return rs.map((r) => (heads.has(r) ? heads.get(r) : others[next++]));
    };
  }

  /** Lets others have their turn where this one has lasted long enough; says when the turn that goes on now began. */
  async #yieldAfterSlice(began: number): Promise<number> {
    const { clock } = this.#options;
    if (clock.monotonic() - began < slice) return began;
    await new Promise((resolve) => setImmediate(resolve));
    return clock.monotonic();
  }

  /** The state of each object of the batch. */
  async #stored(
    { requests }: WriteBatch,
    isFirst: boolean,
  ): Promise<Map<string, StoredObject | undefined>> {
    const heads = new Map<string, StoredObject | undefined>();
    await Promise.all(
      requests.map(async ({ r, fresh }) => {
        if (!(fresh && isFirst)) heads.set(r, await this.#options.cache.base(r));
        else if (!heads.has(r)) heads.set(r, undefined);
      }),
    );
    return heads;
  }

  #commit(
    batch: WriteBatch,
    prepared: readonly PreparedWrite[],
  ): Promise<WriteAllResult | undefined> {
    return new Promise((resolve, reject) => {
      const entry: BatchEntry = new BatchEntry(prepared, batch, (settlement) => {
        // At once, before anybody else looks at the objects.
        this.#updateCache(batch, entry, settlement);
        if (settlement.kind === 'failed') reject(settlement.error);
        else resolve(this.#resultOf(entry, prepared, settlement));
      });
      this.#options.committer.add(entry);
      batch.markTried();
    });
  }

  #updateCache(batch: WriteBatch, { group }: BatchEntry, settlement: Settlement): void {
    const { cache } = this.#options;
    const ownRs = new Set(batch.slots.map(({ r }) => r));
    if (settlement.kind === 'committed') {
      for (const { object } of group.writes) {
        if (ownRs.has(object.r)) cache.committed(object);
        else cache.forget(object.r);
      }
      for (const r of batch.erases) cache.forget(r);
    } else if (settlement.kind !== 'failed' || !(settlement.error instanceof StoreUnavailable)) {
      // What was known may be old; after an unexpected failure only the store knows what is stored.
      for (const r of ownRs) cache.forget(r);
    }
  }

  #resultOf(
    entry: BatchEntry,
    prepared: readonly PreparedWrite[],
    settlement: Exclude<Settlement, { kind: 'failed' }>,
  ): WriteAllResult | undefined {
    if (settlement.kind === 'committed') return { kind: 'committed', writes: prepared };
    if (settlement.kind === 'repeated') return settlement;
    const { refusal } = settlement;
    if (refusal.kind === 'conflict') return undefined;
    return { ...refusal, index: entry.ownerOf(settlement.index) };
  }
}
