/** Makes and checks password hashes: slow on purpose, and never on the event loop. */
export interface Hasher {
  /** A text that says by which parameters it was made. */
  hash(password: Uint8Array): Promise<string>;
  /** False too for a text that is no hash. */
  verify(hash: string, password: Uint8Array): Promise<boolean>;
  /** True where the hash was made by the parameters that are in force. */
  isCurrent(hash: string): boolean;
  /** A hash that no password has and that takes as long to check as any other. */
  readonly dummyHash: string;
}
