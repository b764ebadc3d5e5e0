import type { JsonObject } from '@really/protocol/client';
import type { OwnWrites } from '../writes/ask-again.js';
import type { ClientWrite } from '../writes/client-write.js';
import type { SeenRevisions, ShownRevision } from '../writes/seen-revisions.js';
import type { CopyChange } from './copy-change.js';
import { ObjectCopy } from './object-copy.js';

interface CopyStoreContext {
  readonly writes: Pick<OwnWrites, 'writesTo'>;
  /** What the app sees is noted there when it is closed. */
  readonly seen: Pick<SeenRevisions, 'note'>;
}

/** The copies of objects, one for each R and set of fields, however many subscriptions hold it. Rule TSC4. */
export class CopyStore {
  readonly #copies = new Map<string, Map<string, ObjectCopy>>();
  readonly #context: CopyStoreContext;

  constructor(context: CopyStoreContext) {
    this.#context = context;
  }

  /** The copy of an object with these fields (as a text, empty for all of them), and what gives it back. */
  hold(r: string, fields: string, onChange: (change: CopyChange) => void, onGap = (): void => {}) {
    const copy = this.#copy(r, fields);
    const ends = [copy.changes.subscribe(onChange), copy.gaps.subscribe(onGap)];
    const end = () => {
      for (const stop of ends) stop();
      this.#release(copy, fields);
    };
    return { copy, end };
  }

  #copy(r: string, fields: string): ObjectCopy {
    let copies = this.#copies.get(r);
    if (!copies) {
      copies = new Map();
      this.#copies.set(r, copies);
    }
    let copy = copies.get(fields);
    if (!copy) {
      copy = new ObjectCopy(r, fields, this.#context.writes.writesTo(r));
      copies.set(fields, copy);
    }
    return copy;
  }

  #release({ r, changes, shown }: ObjectCopy, fields: string): void {
    const copies = this.#copies.get(r);
    if (changes.isHeard || !copies) return;
    if (shown) this.#context.seen.note(r, shown);
    copies.delete(fields);
    if (copies.size === 0) this.#copies.delete(r);
  }

  /** What the app sees of an object now, where there is a copy of all of it. */
  valueOf(r: string): JsonObject | undefined {
    return this.#copies.get(r)?.get('')?.value;
  }

  /** Up to which revisions it sees an object. */
  shown(r: string): ShownRevision[] {
    const copies = [...(this.#copies.get(r)?.values() ?? [])];
    return copies.map(({ shown }) => shown).filter((shown) => shown !== undefined);
  }

  /** The server's store is another one. */
  forgetRevisions(): void {
    for (const copies of this.#copies.values()) {
      for (const copy of copies.values()) copy.forgetRevision();
    }
  }

  /** Does something with each copy that the write has to do with. */
  forWrite({ commands }: ClientWrite, run: (copy: ObjectCopy) => void): void {
    for (const r of new Set(commands.map((command) => command.r))) {
      for (const copy of [...(this.#copies.get(r)?.values() ?? [])]) run(copy);
    }
  }
}
