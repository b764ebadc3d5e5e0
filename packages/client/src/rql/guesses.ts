import type { CopyChange } from '../store/copy-change.js';
import type { CopyStore } from '../store/copy-store.js';
import type { ObjectCopy } from '../store/object-copy.js';
import type { ClientWrite } from '../writes/client-write.js';

/** An object of which the list has not heard what own writes to it lead to. */
interface Guess {
  readonly copy: ObjectCopy;
  /** Those of which the server has not told the list. */
  readonly writes: Set<ClientWrite>;
  readonly end: () => void;
}

interface GuessesOptions {
  readonly store: CopyStore;
  /** Of the copies, as the store names them. */
  readonly fields: string;
  readonly onChange: (r: string, change: CopyChange) => void;
}

/** The objects of a list that this client has written to, with a copy of each, until the server has told the list of it. */
export class Guesses {
  readonly #options: GuessesOptions;
  readonly #byR = new Map<string, Guess>();

  constructor(options: GuessesOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#byR.size === 0;
  }

  has(r: string): boolean {
    return this.#byR.has(r);
  }

  /** By R. */
  *copies(): Iterable<readonly [string, ObjectCopy]> {
    for (const [r, { copy }] of this.#byR) yield [r, copy];
  }

  /** Nobody but this client has seen it so far. */
  isNew(r: string): boolean {
    const guess = this.#byR.get(r);
    return guess !== undefined && guess.copy.rev === undefined;
  }

  /** Whether it is the once-id of one of its writes. */
  isOwn(r: string, once: string | undefined): boolean {
    return [...(this.#byR.get(r)?.writes ?? [])].some(({ id }) => id === once);
  }

  add(r: string, write: ClientWrite): void {
    let guess = this.#byR.get(r);
    if (!guess) {
      guess = this.#begin(r);
      this.#byR.set(r, guess);
    }
    guess.writes.add(write);
  }

  /** The server told the list of a revision, made by the write with this once-id if it is an own one. As `settle`. */
  heard(r: string, rev: number, once?: string): () => void {
    return this.settle(r, (write) => {
      const at = write.commands.flatMap((command, index) => (command.r === r ? [index] : []));
      const made = write.revs[at.at(-1) ?? 0];
      // Of a batch each command is a push of its own.
      return made === undefined ? write.id === once && at.length === 1 : made <= rev;
    });
  }

  /** Returns what gives the copy back, where no write is left: after whatever ended it has been taken in. */
  settle(r: string, isSettled: (write: ClientWrite) => boolean): () => void {
    const guess = this.#byR.get(r);
    if (!guess) return () => {};
    for (const write of [...guess.writes]) if (isSettled(write)) guess.writes.delete(write);
    if (guess.writes.size > 0) return () => {};
    this.#byR.delete(r);
    return guess.end;
  }

  end(): void {
    for (const { end } of this.#byR.values()) end();
    this.#byR.clear();
  }

  #begin(r: string): Guess {
    const { store, fields, onChange } = this.#options;
    return { ...store.hold(r, fields, (change) => onChange(r, change)), writes: new Set() };
  }
}
