import type { CommittedChange } from '../store/stored-object.js';

/**
 * The bus port: sends committed changes to every node. The store is the truth and the bus only a
 * hint: a change may arrive twice, late or never, and listeners go by revisions.
 */
export interface Bus {
  /** Publishes changes in the order of their commit. Never throws: what cannot be sent is lost. */
  publish(changes: readonly CommittedChange[]): void;
  /** Calls `listener` with changes as they arrive. Returns a function that unsubscribes. */
  listen(listener: (changes: readonly CommittedChange[]) => void): () => void;
  /** Resolves when the bus can carry messages now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
