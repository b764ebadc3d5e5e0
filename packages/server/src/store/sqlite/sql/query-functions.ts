import {
  compilePredicate,
  foldCase,
  type JsonObject,
  type Predicate,
  type RqlExpression,
  type TextSearch,
  textSearch,
} from '@really/protocol/values';
import type { Database } from 'better-sqlite3';
import { QueryTimeout } from '../../store-errors.js';
import { GaveWay } from '../errors.js';
import { rPrinter } from '../tables/location.js';
import type { ReaderRequest } from '../threads/messages.js';
import { foldFunction, searchFunction } from './contains.js';
import { matchFunction } from './filter-compiler.js';
import { registerKeyFunctions } from './key.js';
import { tickFunction } from './sql.js';

/** What a query's SQL calls. SQLite cannot be stopped, so each object calls `really_tick`. */
export class QueryFunctions {
  #deadline = Number.POSITIVE_INFINITY;
  #timeout = 0;
  /** From this time on it yields to waiting reads. */
  #givesWay = Number.POSITIVE_INFINITY;
  readonly #waiting: Int32Array;
  #predicates: readonly Predicate[] = [];
  /** The latest search of a text. */
  #searched: { readonly search: string; readonly has: TextSearch } | undefined;
  #print: (parents: string, id: string) => string = () => '';
  /** The object evaluated last: several parts of one filter use the same. */
  #text: string | undefined;
  #object: JsonObject = {};

  /** `waiting`: one element, the number of waiting reads that others yield to. */
  constructor(db: Database, waiting: Int32Array = new Int32Array(1)) {
    this.#waiting = waiting;
    registerKeyFunctions(db, this.tick);
    // Not deterministic: SQLite would call it once instead of once per object.
    db.function(tickFunction, { deterministic: false }, this.tick);
    db.function(foldFunction, { deterministic: true }, (text) => {
      this.tick();
      return foldCase(String(text));
    });
    db.function(searchFunction, { deterministic: true }, (text, search) =>
      this.#search(String(text), String(search)),
    );
    db.function(matchFunction, { deterministic: true }, (predicate, id, parents, rev, data) =>
      this.#matches(Number(predicate), String(id), String(parents), Number(rev), String(data)),
    );
  }

  /** Sets the milliseconds that the next read may take, and after which it yields to others. */
  begin({
    timeout = Number.POSITIVE_INFINITY,
    quantum = Number.POSITIVE_INFINITY,
  }: Pick<ReaderRequest, 'timeout' | 'quantum'>): void {
    const now = performance.now();
    this.#timeout = timeout;
    this.#deadline = now + timeout;
    this.#givesWay = now + quantum;
  }

  /** Sets what the next statement calls for the parts of its filter that SQL cannot express. */
  evaluateBy(predicates: readonly RqlExpression[], names: readonly string[]): void {
    this.#predicates = predicates.map((predicate) => compilePredicate(predicate));
    this.#print = rPrinter(names);
    this.#text = undefined;
  }

  /** Throws `QueryTimeout` when the time is up, and `GaveWay` where others wait for the thread. */
  readonly tick = (): number => {
    const now = performance.now();
    if (now > this.#deadline) {
      throw new QueryTimeout(`the query took longer than ${Math.round(this.#timeout)} ms`);
    }
    if (now > this.#givesWay && Atomics.load(this.#waiting, 0) > 0) throw new GaveWay();
    return 1;
  };

  #search(text: string, search: string): number {
    this.tick();
    if (search !== this.#searched?.search) this.#searched = { search, has: textSearch(search) };
    return Number(this.#searched.has(text));
  }

  #matches(predicate: number, id: string, parents: string, rev: number, data: string): number {
    this.tick();
    if (data !== this.#text) {
      this.#object = JSON.parse(data) as JsonObject;
      this.#text = data;
    }
    const object = { ...this.#object, _r: this.#print(parents, id), _rev: rev };
    return Number(this.#predicates[predicate]?.(object) ?? false);
  }
}
