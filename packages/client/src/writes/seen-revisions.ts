import { type ClientCommand, checkedFields } from './client-command.js';
import type { ClientWrite, SeenRevision } from './client-write.js';

/** Objects whose last revision is remembered. */
const most = 5_000;

/** Up to which revision an object was seen: these fields of it, or all. */
export interface ShownRevision {
  readonly rev: number;
  readonly fields?: readonly string[] | undefined;
}

/** The revisions that the app has seen: what an update says that it is based on. */
export class SeenRevisions {
  /** Most recent last. */
  readonly #seen = new Map<string, SeenRevision>();
  readonly #shown: (r: string) => readonly ShownRevision[];
  #epoch: string | undefined;

  /** `shown`: what the copies of an object show that are live. */
  constructor(shown: (r: string) => readonly ShownRevision[]) {
    this.#shown = shown;
  }

  /** Revisions of another store mean something else. Returns whether it is another one. */
  useEpoch(epoch: string): boolean {
    const isOther = this.#epoch !== undefined && this.#epoch !== epoch;
    if (isOther) this.forget();
    this.#epoch = epoch;
    return isOther;
  }

  /** It was another user who saw it. */
  forget(): void {
    this.#seen.clear();
  }

  /** It was seen in an answer, or in a copy that is closed. */
  note(r: string, shown: ShownRevision): void {
    const seen = this.#noted(r);
    add(seen, shown);
    this.#keep(r, seen);
  }

  of(r: string): SeenRevision {
    const seen = this.#noted(r);
    for (const shown of this.#shown(r)) add(seen, shown);
    return seen;
  }

  /** The revision that the object has now: for fields that the write needs, and nobody has seen. */
  learnt(r: string, rev: number, { commands, seen }: ClientWrite): void {
    const own = seen.get(r);
    const fields = commands.flatMap((command) => {
      return command.cmd === 'update' && command.r === r ? [...checkedFields(command)] : [];
    });
    // What was seen of other fields says nothing, and may be of another store.
    if (own && fields.some((field) => own.known.has(field))) {
      add(own, { rev, fields: fields.filter((field) => !own.known.has(field)) });
    } else seen.set(r, { rev, epoch: this.#epoch, known: new Map() });
    if (isNothing(this.of(r))) this.note(r, { rev });
  }

  /** An own write was committed at this revision. */
  committed(command: ClientCommand, rev: number, waiting: Iterable<ClientWrite>): void {
    const { r } = command;
    const seen = this.of(r);
    advance(seen, command, rev);
    this.#keep(r, seen);
    for (const write of waiting) {
      const own = write.seen.get(r);
      if (own && !write.request) advance(own, command, rev);
    }
  }

  #noted(r: string): SeenRevision {
    const { rev, known } = this.#seen.get(r) ?? {};
    return { rev, epoch: this.#epoch, known: new Map(known) };
  }

  #keep(r: string, seen: SeenRevision): void {
    this.#seen.delete(r);
    this.#seen.set(r, seen);
    if (this.#seen.size <= most) return;
    const [oldest = ''] = this.#seen.keys();
    this.#seen.delete(oldest);
  }
}

/** The fields that an answer or a copy has, of which these were asked for. Those of a field set (`@card`) are in the value. */
export function fieldsOf(
  asked: readonly string[] | undefined,
  value: object,
): readonly string[] | undefined {
  return asked?.some((name) => name.startsWith('@')) ? [...asked, ...Object.keys(value)] : asked;
}

function isNothing({ rev, known }: SeenRevision): boolean {
  return rev === undefined && known.size === 0;
}

function add(seen: SeenRevision, { rev, fields }: ShownRevision): void {
  if (!fields) seen.rev = Math.max(seen.rev ?? 0, rev);
  for (const field of fields ?? []) {
    seen.known.set(field, Math.max(seen.known.get(field) ?? 0, rev));
  }
}

/**
 * After an own write at this revision. What was seen up to the revision before it has missed nothing. Of what was seen up to an
 * older one, only the fields go up that the server compared for the write: before a merge, others may have changed its field.
 */
function advance(seen: SeenRevision, command: ClientCommand, rev: number): void {
  const { rev: last, known } = seen;
  // Of what it creates the app knows everything, also where a list of some fields was told of it before the answer.
  const isWhole = command.cmd === 'create' || isNothing(seen) || last === rev - 1;
  if (isWhole) seen.rev = Math.max(last ?? 0, rev);
  else if (command.cmd === 'update') {
    for (const [field, at] of known) if (at === rev - 1) known.set(field, rev);
    add(seen, { rev, fields: [...checkedFields(command)] });
  }
}

/**
 * The revision that an update is sent with: the last one up to which nothing unseen can have happened
 * to the fields that the server compares. `undefined` where none is known.
 */
export function baseRevision(
  command: Extract<ClientCommand, { cmd: 'update' }>,
  { rev = 0, known }: SeenRevision,
): number | undefined {
  const checked = [...checkedFields(command)];
  const bases = checked.map((field) => Math.max(rev, known.get(field) ?? 0));
  // What merges applies to whatever is there.
  return (bases.length > 0 ? Math.min(...bases) : rev) || undefined;
}
