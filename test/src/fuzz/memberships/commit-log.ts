import { createRequire } from 'node:module';
import type { JsonObject } from '@really/protocol';
import type { Find } from './membership-kinds.js';

/** The library that the server writes its database with. */
const loadServerModule = createRequire(
  new URL('../../../../packages/server/package.json', import.meta.url),
);

interface Statement {
  all(...args: readonly unknown[]): unknown[];
  get(): unknown;
}
export interface Database {
  prepare(sql: string): Statement & { pluck(): Statement };
  close(): void;
}
type OpenDatabase = new (file: string, options: { readonly: boolean }) => Database;

interface Row {
  readonly pos: number;
  readonly r: string;
  readonly rev: number;
  readonly type: 'create' | 'update' | 'delete';
}

/** A revision of an object, and the position of its commit. */
interface Revision {
  readonly pos: number;
  readonly rev: number;
  readonly isDeletion: boolean;
}

/** What a write does to the fields; null unsets one. */
export type Fields = JsonObject;

/**
 * Everything that was committed below one object, in its order, which the server's database tells, and what was written,
 * which the writers tell. From both: what there was after each commit.
 */
export class CommitLog {
  readonly #newest: Statement;
  readonly #rows: Statement;
  readonly #home: string;
  #read: number;
  readonly #revisions = new Map<string, Revision[]>();
  /** By R and revision. */
  readonly #written = new Map<string, Fields>();
  /** Of commits with several changes: the last position, by each before it. */
  readonly #ends = new Map<number, number>();
  /** The positions after which nothing of a commit is missing. */
  readonly #commits = new Set<number>();

  /** `home`: the R below which to look. */
  constructor(db: Database, home: string) {
    this.#home = `${home}/`;
    this.#newest = db.prepare('SELECT position FROM meta').pluck();
    this.#rows = db.prepare('SELECT pos, r, rev, type FROM changes WHERE pos > ? ORDER BY pos');
    this.#read = this.#newest.get() as number;
  }

  /** The newest position in the database. */
  position(): number {
    return this.#newest.get() as number;
  }

  /** Reads what was committed since. Call before an object is deleted, which erases its past. */
  readOn(): void {
    for (const { pos, r, rev, type } of this.#rows.all(this.#read) as Row[]) {
      this.#read = pos;
      if (!r.startsWith(this.#home)) continue;
      const revisions = this.#revisions.get(r) ?? [];
      revisions.push({ pos, rev, isDeletion: type === 'delete' });
      this.#revisions.set(r, revisions);
      this.#commits.add(pos);
    }
  }

  /** This revision has these fields set. */
  wrote(r: string, rev: number, fields: Fields): void {
    this.#written.set(`${r}@${rev}`, fields);
  }

  /** These revisions were committed together, in this order. */
  wroteTogether(revisions: readonly { readonly r: string; readonly rev: number }[]): void {
    this.readOn();
    const positions = revisions.flatMap(({ r, rev }) => this.positionOf(r, rev) ?? []);
    const end = Math.max(...positions);
    for (const pos of positions) {
      if (pos === end) continue;
      this.#ends.set(pos, end);
      this.#commits.delete(pos);
    }
  }

  positionOf(r: string, rev: number): number | undefined {
    return this.#revisions.get(r)?.find((one) => one.rev === rev)?.pos;
  }

  /** The position of the last deletion of an object. */
  revOfDeletion(r: string): number | undefined {
    return this.#revisions.get(r)?.find(({ isDeletion }) => isDeletion)?.rev;
  }

  /** The end of the commit that a position belongs to. */
  endOf(pos: number): number {
    return this.#ends.get(pos) ?? pos;
  }

  /** The last state before the commit that a position belongs to. */
  before(pos: number): number {
    const end = this.endOf(pos);
    let first = pos;
    for (const [one, its] of this.#ends) if (its === end) first = Math.min(first, one);
    return first - 1;
  }

  /** One state at `from`, and those after each later commit up to `until`. */
  states(from: number, until: number): number[] {
    const later = [...this.#commits].filter((pos) => pos > from && pos <= until);
    return [from, ...later];
  }

  /** Objects that there are or were, in these collections. */
  known(): string[] {
    return [...this.#revisions.keys()];
  }

  /** What changed after one position, up to another. */
  changedWithin(from: number, until: number): string[] {
    return this.known().filter((r) =>
      this.#revisions.get(r)?.some(({ pos }) => pos > from && pos <= until),
    );
  }

  revAt(r: string, pos: number): Revision | undefined {
    return this.#revisions.get(r)?.findLast((one) => one.pos <= pos);
  }

  /** For failure reports: all commits, those of several changes with their ends. */
  describe(): string {
    const lines = [...this.#revisions].flatMap(([r, revisions]) =>
      revisions.map(({ pos, rev, isDeletion }) => {
        const fields = isDeletion ? 'deleted' : JSON.stringify(this.#written.get(`${r}@${rev}`));
        return { pos, line: `${pos}..${this.endOf(pos)} ${r}@${rev} ${fields}` };
      }),
    );
    return lines
      .sort((a, b) => a.pos - b.pos)
      .map(({ line }) => line)
      .join('\n');
  }

  /** What was there at a position. */
  at(pos: number): Find {
    return (r) => {
      const last = this.revAt(r, pos);
      return last === undefined || last.isDeletion ? undefined : this.fieldsOf(r, last.rev);
    };
  }

  /** The fields of a revision, as the writes up to it made them. */
  fieldsOf(r: string, rev: number): JsonObject {
    const fields: JsonObject = {};
    for (let one = 1; one <= rev; one++) Object.assign(fields, this.#written.get(`${r}@${one}`));
    return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  }
}

export function openDatabase(file: string): Database {
  const Library = loadServerModule('better-sqlite3') as OpenDatabase;
  return new Library(file, { readonly: true });
}
