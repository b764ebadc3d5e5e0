import type { Clock } from '../platform/platform.js';
import { type StoredObject, StoreUnavailable } from '../store/store.js';
import { type Batch, BatchEntry } from './batch.js';
import type { Committer, Settlement } from './committer.js';
import type { Heads } from './heads.js';
import type { OnceKeys } from './once-keys.js';
import { sizeOfAll } from './size.js';
import { storeFailure, unavailable } from './unavailable.js';
import type { Look, PreparedWrite, WriteAllResult } from './write-request.js';

/** Milliseconds of judging after which others get a turn: a batch may have a hundred commands that are each as dear as may be. */
const slice = 10;

export interface BatchRunnerOptions {
  readonly clock: Clock;
  readonly heads: Heads;
  readonly committer: Committer;
  readonly once: OnceKeys;
  /** Looks at objects that are not the batch's own, as one that came at `order`. */
  readonly look: (rs: readonly string[], order: number) => Promise<(StoredObject | undefined)[]>;
  /** Races that a batch may lose against other nodes before it is given up. */
  readonly races: number;
  /** Bytes that a batch may write, about: it is one commit, and nobody else's write gets in between. */
  readonly bytes: number;
  readonly onRestart: (requests: number) => void;
}

type Judged =
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
  async run(batch: Batch): Promise<WriteAllResult> {
    try {
      for (let races = 0; races <= this.#options.races; races++) {
        if (races > 0) this.#options.onRestart(batch.requests.length);
        const result = await this.#attempt(batch, races === 0);
        if (result) return result;
      }
    } catch (error) {
      throw storeFailure(error);
    } finally {
      // Whoever is behind this one waits for those before it, too.
      await batch.turn();
      batch.endTry();
    }
    throw unavailable();
  }

  /** `undefined` where another writer was faster. */
  async #attempt(batch: Batch, isFirst: boolean): Promise<WriteAllResult | undefined> {
    const { once } = batch;
    const repeated = once && (await this.#options.once.lookUp(once));
    if (repeated) return { kind: 'repeated', first: repeated };
    const judged = await this.#judge(batch, isFirst);
    if (judged.kind !== 'prepared') return judged;
    await batch.turn();
    return await this.#commit(batch, judged.writes);
  }

  async #judge(batch: Batch, isFirst: boolean): Promise<Judged> {
    const heads = await this.#stored(batch, isFirst);
    const look = this.#lookWith(heads, batch.order);
    const writes: PreparedWrite[] = [];
    let bytes = 0;
    let began = this.#options.clock.monotonic();
    for (const [index, { r, prepare }] of batch.requests.entries()) {
      try {
        const write = await prepare(heads.get(r), look);
        bytes += sizeOfAll(write);
        if (bytes > this.#options.bytes && index > 0) return { kind: 'too-large' };
        writes.push(write);
        heads.set(r, write.object);
        began = await this.#giveWay(began);
      } catch (error) {
        return { kind: 'refused', index, error: storeFailure(error) };
      }
    }
    return { kind: 'prepared', writes };
  }

  /** The batch's own objects as the requests so far leave them, and others as they are. */
  #lookWith(heads: ReadonlyMap<string, StoredObject | undefined>, order: number): Look {
    return async (rs) => {
      const foreign = rs.filter((r) => !heads.has(r));
      const others = await this.#options.look(foreign, order);
      let next = 0;
      return rs.map((r) => (heads.has(r) ? heads.get(r) : others[next++]));
    };
  }

  /** Lets others have their turn where this one has lasted long enough; says when the turn that goes on now began. */
  async #giveWay(began: number): Promise<number> {
    const { clock } = this.#options;
    if (clock.monotonic() - began < slice) return began;
    await new Promise((resolve) => setImmediate(resolve));
    return clock.monotonic();
  }

  /** The state of each object of the batch. */
  async #stored(
    { requests }: Batch,
    isFirst: boolean,
  ): Promise<Map<string, StoredObject | undefined>> {
    const heads = new Map<string, StoredObject | undefined>();
    await Promise.all(
      requests.map(async ({ r, fresh }) => {
        if (!(fresh && isFirst)) heads.set(r, await this.#options.heads.base(r));
        else if (!heads.has(r)) heads.set(r, undefined);
      }),
    );
    return heads;
  }

  #commit(batch: Batch, prepared: readonly PreparedWrite[]): Promise<WriteAllResult | undefined> {
    return new Promise((resolve, reject) => {
      const entry: BatchEntry = new BatchEntry(prepared, batch, (settlement) => {
        // At once, before anybody else looks at the objects.
        this.#takeNote(batch, entry, settlement);
        if (settlement.kind === 'failed') reject(settlement.error);
        else resolve(this.#resultOf(entry, prepared, settlement));
      });
      this.#options.committer.add(entry);
      batch.endTry();
    });
  }

  #takeNote(batch: Batch, { group }: BatchEntry, settlement: Settlement): void {
    const { heads } = this.#options;
    const isOf = new Set(batch.seats.map(({ r }) => r));
    if (settlement.kind === 'committed') {
      for (const { object } of group.writes) {
        if (isOf.has(object.r)) heads.committed(object);
        else heads.forget(object.r);
      }
      for (const r of batch.erases) heads.forget(r);
    } else if (settlement.kind !== 'failed' || !(settlement.error instanceof StoreUnavailable)) {
      // What was known may be old; after an unexpected failure only the store knows what is stored.
      for (const r of isOf) heads.forget(r);
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
