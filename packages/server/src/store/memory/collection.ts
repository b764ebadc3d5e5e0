import { deepEqual, type JsonValue } from '@really/protocol/values';
import { valueAt } from '../order.js';
import { type Horizon, horizonOf, publishedHistory } from '../retention.js';
import {
  type Change,
  type CollectionLayout,
  type CommittedChange,
  type History,
  type Migration,
  type MigrationOutcome,
  type ObjectWithHistory,
  type Pos,
  type StoredObject,
  UniqueClash,
  type Write,
} from '../store.js';

/** An object with its history, oldest first. */
interface StoredHistory {
  object: StoredObject;
  history: CommittedChange[];
  /** The position of the last change, even if that was pruned. */
  last: Pos;
}

/** The objects of one collection, including deleted ones. */
export class MemoryCollection {
  readonly #kept = new Map<string, StoredHistory>();
  readonly #defaultHistory: number;
  #unique: readonly string[] = [];
  #currentFrom = 1;
  #horizon: Horizon;
  #floor: Pos = 0;
  #modelVersion: number | undefined;

  constructor(defaultHistory: number) {
    this.#defaultHistory = defaultHistory;
    this.#horizon = horizonOf(undefined, defaultHistory);
  }

  /** Throws `UniqueClash` where the objects forbid a unique index of this layout. */
  check(layout: CollectionLayout): void {
    for (const field of uniqueFields(layout)) {
      // A field that becomes unique must be so in all objects, whatever their version.
      const from = this.#unique.includes(field) ? (layout.currentFrom ?? 1) : 1;
      for (const object of this.living()) {
        if (this.#holderOf(field, object, from)) {
          throw new UniqueClash(layout.names.join('/'), field);
        }
      }
    }
  }

  /** True where the model's version has changed. */
  hasOtherVersion({ modelVersion = this.#modelVersion }: CollectionLayout): boolean {
    return this.#modelVersion !== undefined && modelVersion !== this.#modelVersion;
  }

  /** `pos` is the position of the layout. */
  layOut(layout: CollectionLayout, pos: Pos): void {
    if (this.hasOtherVersion(layout)) this.#floor = Math.max(this.#floor, pos);
    this.#modelVersion = layout.modelVersion ?? this.#modelVersion;
    this.#unique = uniqueFields(layout);
    this.#currentFrom = layout.currentFrom ?? 1;
    this.#horizon = horizonOf(layout.retention, this.#defaultHistory);
  }

  get(r: string): StoredObject | undefined {
    return this.#kept.get(r)?.object;
  }

  *living(): Iterable<StoredObject> {
    for (const { object } of this.#kept.values()) if (!object.deleted) yield object;
  }

  /** The first unique field whose value another object has, except for those in `but`. */
  clash(object: StoredObject, but: ReadonlySet<string> = nobody): string | undefined {
    if (object.deleted) return undefined;
    return this.#unique.find((field) => this.#holderOf(field, object, this.#currentFrom, but));
  }

  /** Returns a function that undoes it, as long as the object was not changed again. */
  apply(write: Write, pos: Pos, once?: string): () => void {
    const { object, change } = write;
    const before = this.#kept.get(object.r);
    const history = before?.history ?? [];
    const published = once === undefined ? change : { ...change, once };
    const entry: CommittedChange = { ...published, pos, object };
    this.#kept.set(object.r, {
      object,
      last: pos,
      history: change.type === 'delete' ? [entry] : [...this.#prune(history, object.rev), entry],
    });
    return () => {
      if (before) this.#kept.set(object.r, before);
      else this.#kept.delete(object.r);
    };
  }

  migrate({ object, from }: Migration): MigrationOutcome {
    const kept = this.#kept.get(object.r);
    const stored = kept?.object;
    const isSame = stored?.rev === object.rev && stored.modelVersion === from;
    if (!kept || !stored || !isSame || stored.deleted) return { kind: 'overtaken' };
    const field = this.clash(object);
    if (field !== undefined) return { kind: 'unique', field };
    const { data, modelVersion } = object;
    this.#kept.set(object.r, { ...kept, object: { ...stored, data, modelVersion } });
    return { kind: 'migrated' };
  }

  erase(r: string): void {
    this.#kept.delete(r);
  }

  /**
   * Adds a new object with its history; `pos` is the position of the first change. Returns a
   * function that undoes it.
   */
  restore({ object, history }: ObjectWithHistory, pos: Pos): () => void {
    const floor = this.#floor;
    const entries = history.map((change, index) => ({ ...change, pos: pos + index, object }));
    const last = pos + Math.max(1, history.length) - 1;
    this.#kept.set(object.r, { object, history: entries, last });
    this.#floor = last;
    return () => {
      this.#kept.delete(object.r);
      this.#floor = floor;
    };
  }

  /** Removes an object with its history. Returns a function that undoes it. */
  takeOut(r: string): () => void {
    const kept = this.#kept.get(r);
    this.#kept.delete(r);
    return () => {
      if (kept) this.#kept.set(r, kept);
    };
  }

  /** All objects, deleted or not, unordered. */
  *everything(): Iterable<ObjectWithHistory & { readonly last: Pos }> {
    for (const { object, history, last } of this.#kept.values()) {
      yield { object, history: history.map(asChange), last };
    }
  }

  get size(): number {
    return this.#kept.size;
  }

  history(r: string, span: { after: number; limit: number }, now: number): History {
    const kept = this.#kept.get(r);
    if (!kept) return { object: undefined, entries: [], complete: true };
    const { object } = kept;
    const stored = kept.history.filter((entry) => entry.rev > span.after);
    const published = publishedHistory(stored, { ...span, rev: object.rev }, this.#horizon, now);
    return { object, entries: published.entries.map(asChange), complete: published.complete };
  }

  /** The creations of living objects, unordered. */
  *creations(): Iterable<{ pos: Pos; change: Change; object: StoredObject }> {
    for (const { object, history } of this.#kept.values()) {
      const first = history[0];
      if (first?.type === 'create') yield { pos: first.pos, change: asChange(first), object };
    }
  }

  /** All changes that are kept, unordered. */
  *log(): Iterable<{ pos: Pos; change: Change; object: StoredObject }> {
    for (const { object, history } of this.#kept.values()) {
      for (const entry of history) yield { pos: entry.pos, change: asChange(entry), object };
    }
  }

  /** The last position of which something was pruned. */
  get floor(): Pos {
    return this.#floor;
  }

  /** The creation stays as long as the object lives: positions must stay valid for `created`. */
  #prune(history: readonly CommittedChange[], rev: number): CommittedChange[] {
    const oldest = this.#horizon.oldestRev(rev);
    const isKept = (entry: CommittedChange) => entry.type === 'create' || entry.rev >= oldest;
    for (const entry of history) if (!isKept(entry)) this.#floor = Math.max(this.#floor, entry.pos);
    return history.filter(isKept);
  }

  #holderOf(
    field: string,
    object: StoredObject,
    from: number,
    but: ReadonlySet<string> = nobody,
  ): StoredObject | undefined {
    const value = valueAt(object.data, field);
    if (value === undefined || object.modelVersion < from) return undefined;
    for (const other of this.living()) {
      if (other.modelVersion < from || but.has(other.r)) continue;
      if (other.r !== object.r && isSame(valueAt(other.data, field), value)) return other;
    }
    return undefined;
  }
}

const nobody: ReadonlySet<string> = new Set();

function isSame(a: JsonValue | undefined, b: JsonValue): boolean {
  return a !== undefined && deepEqual(a, b);
}

function uniqueFields(layout: CollectionLayout): readonly string[] {
  return layout.indexes.filter((index) => index.unique).map((index) => index.field);
}

function asChange(entry: CommittedChange): Change {
  const { pos: _pos, object: _object, ...change } = entry;
  return change;
}
