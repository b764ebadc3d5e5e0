import type { Database } from 'better-sqlite3';
import type { Dependency, Dependents, DependentsPage } from '../../store-reads.js';
import { isMissingTable } from '../errors.js';
import { Statements } from '../sql/statements.js';
import { parked } from './collection-writer.js';
import { locate, parentsBelow, rPrinter } from './location.js';
import { referencesTable } from './references-table.js';
import { collectionTable } from './schema.js';

type Row = readonly [place: string | number, id: string, parents: string];

/** Finds the objects that depend on another one, by indexes, over one connection. */
export class DependentsReader {
  readonly #statements: Statements;

  constructor(db: Database) {
    this.#statements = new Statements(db, 1000);
  }

  page(r: string, dependency: Dependency, { after, limit }: DependentsPage): Dependents {
    const rows = this.#rows(r, dependency, { after, limit });
    const print = rPrinter(dependency.names);
    const rs = rows.map(([, id, parents]) => print(parents, id));
    const last = rows[limit - 1];
    return { rs, next: last && String(last[0]) };
  }

  /** Reads the whole collection, as what is parked is in no index. */
  hasParkedChild(r: string, { names }: Dependency): boolean {
    const text = `SELECT id, id, parents FROM ${collectionTable(names.join('/'))}
      WHERE deleted = ${parked} AND parents = ? LIMIT 1`;
    return this.#statements.get(text).get(parentsBelow(locate(r))) !== undefined;
  }

  /** Empty where the collection was never written, or has no such references. */
  #rows(r: string, { names, field }: Dependency, page: DependentsPage): readonly Row[] {
    const collection = names.join('/');
    const target = locate(r);
    try {
      if (field === undefined) {
        const statement = this.#statements.get(childrenOf(collection));
        return statement.all(parentsBelow(target), page.after ?? '', page.limit) as Row[];
      }
      const statement = this.#statements.get(referrersOf(collection));
      const self = target.collection === collection ? target : { id: '', parents: '' };
      const from = Number(page.after ?? 0);
      return statement.all(r, field, from, self.id, self.parents, page.limit) as Row[];
    } catch (error) {
      if (isMissingTable(error)) return [];
      throw error;
    }
  }
}

/** Bound to the column `parents`, the id to go on after, and the limit. */
export function childrenOf(collection: string): string {
  return `SELECT id, id, parents FROM ${collectionTable(collection)}
    WHERE deleted = 0 AND parents = ? AND id > ? ORDER BY id LIMIT ?`;
}

/**
 * Bound to the target, the field, the place to go on after, an id and parents to leave out, and the
 * limit. `CROSS JOIN` fixes the order: the references first.
 */
export function referrersOf(collection: string): string {
  return `SELECT found.born, id, parents
    FROM ${referencesTable(collection)} AS found
      CROSS JOIN ${collectionTable(collection)} AS objects ON objects.born = found.born
    WHERE found.target = ? AND found.field = ? AND found.born > ? AND NOT (id = ? AND parents = ?)
    ORDER BY found.born LIMIT ?`;
}
