import { type ClientCommand, checkedFields } from './client-command.js';
import type { ClientWrite, SeenRevision } from './client-write.js';

/** Objects whose last revision is remembered. */
const most = 5_000;

/** The revisions that the app has seen: what an update says that it is based on. */
export class SeenRevisions {
  /** Most recent last. */
  readonly #seen = new Map<string, number>();
  readonly #shownRev: (r: string) => number | undefined;
  #epoch: string | undefined;

  /** `shownRev`: the revision of an object that is live. */
  constructor(shownRev: (r: string) => number | undefined) {
    this.#shownRev = shownRev;
  }

  /** Revisions of another store mean something else. Returns whether it is another one. */
  useEpoch(epoch: string): boolean {
    const isOther = this.#epoch !== undefined && this.#epoch !== epoch;
    if (isOther) this.#seen.clear();
    this.#epoch = epoch;
    return isOther;
  }

  note(r: string, rev: number): void {
    this.#seen.delete(r);
    this.#seen.set(r, rev);
    if (this.#seen.size <= most) return;
    const [oldest = ''] = this.#seen.keys();
    this.#seen.delete(oldest);
  }

  of(r: string): SeenRevision {
    const rev = Math.max(this.#shownRev(r) ?? 0, this.#seen.get(r) ?? 0);
    return { rev: rev || undefined, epoch: this.#epoch, known: new Map() };
  }

  /**
   * An own write was committed at this revision. What is written on the revision before it has missed
   * nothing; what is written on an older one knows the fields that the server compared for it.
   */
  committed(command: ClientCommand, rev: number, waiting: Iterable<ClientWrite>): void {
    const { r } = command;
    const isNext = (seen: number | undefined) => seen === undefined || seen === rev - 1;
    // A copy may show it already, and more.
    const { rev: last = rev } = this.of(r);
    if (last >= rev - 1) this.note(r, Math.max(last, rev));
    for (const write of waiting) {
      const seen = write.seen.get(r);
      if (!seen || write.request) continue;
      if (isNext(seen.rev)) seen.rev = rev;
      else if (command.cmd === 'update') {
        for (const field of checkedFields(command)) seen.known.set(field, rev);
      }
    }
  }
}

/**
 * The revision that an update is sent with: the last one up to which nothing unseen can have happened
 * to the fields that the server compares. `undefined` where none is known.
 */
export function baseRevision(
  command: Extract<ClientCommand, { cmd: 'update' }>,
  { rev, known }: SeenRevision,
): number | undefined {
  const checked = [...checkedFields(command)];
  // What merges applies to whatever is there.
  if (checked.length === 0) return rev ?? 1;
  if (rev === undefined) return undefined;
  return Math.min(...checked.map((field) => Math.max(rev, known.get(field) ?? 0)));
}
