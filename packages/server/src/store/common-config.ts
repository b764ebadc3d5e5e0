/** Configuration that every store has. */
export interface StoreConfig {
  /** Revisions kept per object where the model sets no retention. */
  readonly history: number;
  /** Milliseconds for which a once-key is remembered. */
  readonly onceWindow: number;
  /** Once-keys remembered per uid; the oldest goes first. */
  readonly onceKeep: number;
}

export const defaultStoreConfig: StoreConfig = {
  history: 1000,
  onceWindow: 3_600_000,
  onceKeep: 1000,
};
