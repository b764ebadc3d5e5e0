import type { Clock } from '../platform/platform.js';
import { Slice } from '../platform/scheduling/slices.js';
import type { StoredObject } from '../store/stored-object.js';
import type { WriteGroup } from '../store/write-group.js';
import type { Committer, Settlement } from './committer.js';
import { estimateAllBytes, estimateGroupBytes } from './estimate-bytes.js';
import type { ObjectCache } from './object-cache.js';
import type { OnceGuard } from './once-guard.js';
import type { OtherObjects } from './other-objects.js';
import { mayHaveWritten, storeFailure, unavailable } from './unavailable.js';
import type { WriteBatch } from './write-batch.js';
import type { PreparedWrite, WriteAllResult } from './write-request.js';
import type { WriteTurns } from './write-turns.js';

export interface BatchRunnerOptions {
  readonly clock: Clock;
  readonly cache: ObjectCache;
  readonly turns: WriteTurns;
  readonly committer: Committer;
  readonly once: OnceGuard;
  /** Reads objects outside the batch. */
  readonly others: OtherObjects;
  /** Resolves when the batch holds all its queues again. */
  readonly reclaim: (batch: WriteBatch) => Promise<void>;
  readonly limits: {
    /** Conflicts with other nodes after which a batch is given up. */
    readonly conflictRetries: number;
    /** Bytes that a batch may write: it is a single commit, which delays every other write. */
    readonly commitBytes: number;
  };
  readonly onRetry: (requests: number) => void;
}

type PreparedBatch =
  | { readonly kind: 'prepared'; readonly writes: readonly PreparedWrite[] }
  | Extract<WriteAllResult, { kind: 'refused' | 'too-large' }>;

/**
 * Prepares batches and has them committed. A batch holds the queues of all its objects, so it
 * builds on stored states. It is prepared again if another node was faster, or if it took so long
 * that others had to be let by.
 *
 * There is nothing to roll back here: where a command is refused, nothing of the batch was written
 * yet. In its commit, the store applies the group of its writes whole or not at all.
 */
export class BatchRunner {
  readonly #options: BatchRunnerOptions;

  constructor(options: BatchRunnerOptions) {
    this.#options = options;
  }

  /** Rejects with 503, or with an unexpected failure. */
  async run(batch: WriteBatch): Promise<WriteAllResult> {
    const { onRetry } = this.#options;
    const { conflictRetries } = this.#options.limits;
    try {
      for (let conflicts = 0; conflicts <= conflictRetries; conflicts++) {
        if (conflicts > 0) onRetry(batch.requests.length);
        const isLast = conflicts === conflictRetries;
        const result = await this.#attempt(batch, { isFirst: conflicts === 0, isLast });
        if (result) return result;
      }
    } catch (error) {
      throw storeFailure(error);
    } finally {
      // Requests behind this batch in the commit order wait for those before it, too.
      await batch.predecessorsTried();
      batch.markTried();
    }
    throw unavailable();
  }

  /** Resolves to `undefined` where others were faster. */
  async #attempt(
    batch: WriteBatch,
    { isFirst, isLast }: { isFirst: boolean; isLast: boolean },
  ): Promise<WriteAllResult | undefined> {
    const { once } = batch.options;
    batch.phase = 'preparing';
    const repeated = once && (await this.#options.once.lookUp(once));
    if (repeated) return { kind: 'repeated', first: repeated };
    const prepared = await this.#prepareAll(batch, isFirst);
    if (prepared.kind !== 'prepared') return prepared;
    await batch.predecessorsTried();
    if (batch.aside.size > 0) {
      if (!isLast) await this.#options.reclaim(batch);
      return undefined;
    }
    return await this.#commit(batch, prepared.writes);
  }

  async #prepareAll(batch: WriteBatch, isFirst: boolean): Promise<PreparedBatch> {
    const heads = new Map<string, StoredObject | undefined>();
    const reads = this.#options.others.seenBy(batch, heads);
    const writes: PreparedWrite[] = [];
    let bytes = 0;
    // Others go on in between: it may hold a hundred expensive commands.
    const slice = new Slice(this.#options.clock);
    for (const [index, { r, fresh, prepare }] of batch.requests.entries()) {
      // One after the other: none is loaded for a batch that was refused already.
      const isKnown = heads.has(r) || (fresh && isFirst);
      if (!isKnown) heads.set(r, await this.#options.turns.load(r, batch.options));
      try {
        const write = await prepare(heads.get(r), ...reads);
        bytes += estimateAllBytes(write);
        if (bytes > this.#options.limits.commitBytes && index > 0) return { kind: 'too-large' };
        writes.push(write);
        heads.set(r, write.object);
        if (slice.isOver) await slice.rest();
      } catch (error) {
        return { kind: 'refused', index, error: storeFailure(error) };
      }
    }
    return { kind: 'prepared', writes };
  }

  #commit(
    batch: WriteBatch,
    prepared: readonly PreparedWrite[],
  ): Promise<WriteAllResult | undefined> {
    batch.phase = 'committing';
    const { once, erases, span } = batch.options;
    const sideWrites = prepared.flatMap((write) => write.sideWrites ?? []);
    const group = { writes: [...prepared, ...sideWrites], once, erases };
    return new Promise((resolve, reject) => {
      const settle = (settlement: Settlement) => {
        // Before anything else reads the objects.
        this.#updateCache(batch, group, settlement);
        if (settlement.kind === 'failed') reject(settlement.error);
        else resolve(this.#resultOf(prepared, settlement));
      };
      const bytes = estimateGroupBytes(group);
      this.#options.committer.add({ group, bytes, dropped: false, begun: false, span, settle });
      batch.markTried();
    });
  }

  #updateCache(batch: WriteBatch, group: WriteGroup, settlement: Settlement): void {
    const { cache } = this.#options;
    const { erases = [] } = group;
    const ownRs = new Set(batch.slots.map(({ r }) => r));
    if (settlement.kind === 'committed') {
      for (const { object } of group.writes) {
        if (ownRs.has(object.r)) cache.committed(object);
        else cache.forget(object.r);
      }
      for (const r of erases) cache.forget(r);
    } else if (settlement.kind !== 'failed' || mayHaveWritten(settlement.error)) {
      // The cache may be stale.
      for (const { object } of group.writes) cache.forget(object.r);
      for (const r of [...ownRs, ...erases]) cache.forget(r);
    }
  }

  #resultOf(
    prepared: readonly PreparedWrite[],
    settlement: Exclude<Settlement, { kind: 'failed' }>,
  ): WriteAllResult | undefined {
    if (settlement.kind === 'committed') return { kind: 'committed', writes: prepared };
    if (settlement.kind === 'repeated') return settlement;
    const { refusal } = settlement;
    if (refusal.kind === 'changed') this.#options.cache.forget(refusal.r);
    if (refusal.kind === 'conflict' || refusal.kind === 'changed') return undefined;
    return { ...refusal, index: requestAt(settlement.index, prepared) };
  }
}

/** The request to which a write of the group belongs: side writes come after those of all requests. */
function requestAt(index: number, prepared: readonly PreparedWrite[]): number {
  const sideWrites = prepared.flatMap((write, at) => (write.sideWrites ?? []).map(() => at));
  return sideWrites[index - prepared.length] ?? index;
}
