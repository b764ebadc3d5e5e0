import type { CommittedChange } from '../store/store.js';

/**
 * The bus port: tells every node what was committed. The store is the truth and the bus only a
 * hint: a change may arrive twice, late, or never, and whoever listens goes by revisions.
 */
export interface Bus {
  /** Announces changes in the order of their commit. Never throws: what cannot be sent is lost. */
  publish(changes: readonly CommittedChange[]): void;
  /** Calls `listener` with changes as they arrive. Returns the way to stop that. */
  listen(listener: (changes: readonly CommittedChange[]) => void): () => void;
  /** Resolves when the bus can carry messages now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
