/** Makes and checks password hashes: slow on purpose, and never on the event loop. */
export interface Hasher {
  /** The result includes the parameters. */
  hash(password: Uint8Array): Promise<string>;
  /** False also for a text that is no hash. */
  verify(hash: string, password: Uint8Array): Promise<boolean>;
  /** True where the hash has the current parameters. */
  isCurrent(hash: string): boolean;
  /** A hash that no password matches and that takes as long to check as any other. */
  readonly dummyHash: string;
}
