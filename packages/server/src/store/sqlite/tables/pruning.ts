import type { CollectionLayout } from '../../collection-layout.js';
import { revisionsKept } from '../../retention.js';
import type { Pos } from '../../stored-object.js';
import type { SqliteConfig } from '../config.js';
import type { ChangeLog } from './change-log.js';
import type { Collections } from './collections.js';

/** Revisions of one object that are removed together. */
const mostPruned = 5000;

/** Writes after which changes are checked for their age. */
const sweepEvery = 256;

/**
 * Frees the space of what is beyond the retention of the models, where reads never go (see
 * `retention.ts`): a little with each commit, so that none waits long.
 */
export class Pruning {
  readonly #log: ChangeLog;
  readonly #defaultHistory: number;
  #writes = 0;

  constructor(log: ChangeLog, config: Pick<SqliteConfig, 'history'>) {
    this.#log = log;
    this.#defaultHistory = config.history;
  }

  /**
   * Finding the end of a history follows all that is kept, so it is pruned when it is twice as long
   * as it should be: two steps per write on average. A very long one is pruned earlier, so that no
   * commit removes much: some more steps per write.
   */
  afterWrite(
    collection: number,
    pos: Pos,
    rev: number,
    layout: CollectionLayout | undefined,
  ): void {
    this.#writes += 1;
    const kept = revisionsKept(layout?.retention ?? {}, this.#defaultHistory);
    if (rev <= kept) return;
    const slack = Math.min(Math.max(16, kept), mostPruned);
    if ((rev - kept) % slack === 0) this.#log.prune(collection, pos, rev - kept);
  }

  /** Once in a while, removes some changes that are too old. */
  sweep(position: Pos, now: number, collections: Collections): void {
    if (this.#writes < sweepEvery) return;
    this.#writes = 0;
    for (const [name, { retention }] of collections.layouts) {
      if (retention.age === undefined) continue;
      this.#log.sweep(collections.open(name).number, now - retention.age, position);
    }
  }
}
