import { deepEqual, type JsonValue, valueAtPath } from '@really/protocol/values';
import type { CollectionLayout, LayoutIndex } from '../collection-layout.js';
import { textsAt } from '../reference-path.js';
import { type Horizon, horizonOf, publishedHistory } from '../retention.js';
import { UniqueClash } from '../store-errors.js';
import { type History, historyPageSize, type LoggedChange } from '../store-reads.js';
import type {
  Change,
  CommittedChange,
  ObjectWithHistory,
  Pos,
  StoredObject,
} from '../stored-object.js';
import type { Migration, MigrationOutcome, Write } from '../write-group.js';

/** An object with its history, oldest first. */
interface StoredHistory {
  readonly object: StoredObject;
  readonly history: readonly CommittedChange[];
  /** The position of the last change, even if that was pruned. */
  readonly last: Pos;
}

/** The objects of one collection, including deleted ones. */
export class MemoryCollection {
  readonly #kept = new Map<string, StoredHistory>();
  readonly #defaultHistory: number;
  #unique: readonly LayoutIndex[] = [];
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
    for (const index of uniqueIndexes(layout)) {
      // Fields that become unique must be so in all objects, whatever their version.
      const isKnown = this.#unique.some(({ fields }) => deepEqual([...fields], [...index.fields]));
      const from = isKnown ? (layout.currentFrom ?? 1) : 1;
      for (const object of this.living()) {
        if (this.#holderOf(index, object, from)) {
          throw new UniqueClash(layout.names.join('/'), index.fields);
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
    this.#unique = uniqueIndexes(layout);
    this.#currentFrom = layout.currentFrom ?? 1;
    this.#horizon = horizonOf(layout.retention, this.#defaultHistory);
  }

  get(r: string): StoredObject | undefined {
    return this.#kept.get(r)?.object;
  }

  *living(): Iterable<StoredObject> {
    for (const { object } of this.#kept.values()) if (!object.deleted) yield object;
  }

  /** The living objects that refer to another one in a field. */
  *referrers(r: string, field: string): Iterable<StoredObject> {
    for (const object of this.living()) {
      if (object.r !== r && textsAt(object.data, field).includes(r)) yield object;
    }
  }

  /** The living objects right below another one. */
  *children(r: string, name: string): Iterable<StoredObject> {
    const prefix = `${r}/${name}/`;
    for (const object of this.living()) if (object.r.startsWith(prefix)) yield object;
  }

  /** The fields of the first unique index whose values another object has, except for those in `but`. */
  clash(object: StoredObject, but: ReadonlySet<string> = nobody): readonly string[] | undefined {
    if (object.deleted) return undefined;
    return this.#unique.find((index) => this.#holderOf(index, object, this.#currentFrom, but))
      ?.fields;
  }

  /** Returns a function that undoes it, as long as the object was not changed again. */
  apply({ object, change }: Write, pos: Pos, once?: string): () => void {
    const before = this.#kept.get(object.r)?.history ?? [];
    const published = once === undefined ? change : { ...change, once };
    const entry: CommittedChange = { ...published, pos, object };
    const history =
      change.type === 'delete' ? [entry] : [...this.#prune(before, object.rev), entry];
    return this.#put(object.r, { object, last: pos, history });
  }

  migrate({ object, from }: Migration): MigrationOutcome {
    const kept = this.#kept.get(object.r);
    const stored = kept?.object;
    const isSame = stored?.rev === object.rev && stored.modelVersion === from;
    if (!kept || !stored || !isSame || stored.deleted) return { kind: 'overtaken' };
    const fields = this.clash(object);
    if (fields !== undefined) return { kind: 'unique', fields };
    const { data, modelVersion } = object;
    this.#kept.set(object.r, { ...kept, object: { ...stored, data, modelVersion } });
    return { kind: 'migrated' };
  }

  erase(r: string): void {
    this.#kept.delete(r);
  }

  /** `pos` is the position of the first change. Returns a function that undoes it. */
  restore({ object, history }: ObjectWithHistory, pos: Pos): () => void {
    const floor = this.#floor;
    const entries = history.map((change, index) => ({ ...change, pos: pos + index, object }));
    const last = pos + Math.max(1, history.length) - 1;
    const takeBack = this.#put(object.r, { object, history: entries, last });
    this.#floor = last;
    return () => {
      takeBack();
      this.#floor = floor;
    };
  }

  /** Removes an object with its history. Returns a function that undoes it. */
  takeOut(r: string): () => void {
    return this.#put(r, undefined);
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
    const entries: Change[] = [];
    let left = historyPageSize;
    for (const entry of published.entries) {
      if (left <= 0) break;
      const change = asChange(entry);
      entries.push(change);
      left -= JSON.stringify(change).length;
    }
    return { object, entries, complete: published.complete };
  }

  /** The creations of living objects, unordered. */
  *creations(): Iterable<{ pos: Pos; change: Change; object: StoredObject }> {
    for (const { object, history } of this.#kept.values()) {
      const first = history[0];
      if (first?.type === 'create') yield { pos: first.pos, change: asChange(first), object };
    }
  }

  /** All changes that are kept, unordered. */
  *log(): Iterable<LoggedChange> {
    for (const { object, history, last } of this.#kept.values()) {
      for (const entry of history) {
        const { pos } = entry;
        yield { pos, change: asChange(entry), ...(pos === last && { object }) };
      }
    }
  }

  /** The last position of which something was pruned. */
  get floor(): Pos {
    return this.#floor;
  }

  #put(r: string, kept: StoredHistory | undefined): () => void {
    const before = this.#kept.get(r);
    if (kept) this.#kept.set(r, kept);
    else this.#kept.delete(r);
    return () => void this.#put(r, before);
  }

  /** The creation stays as long as the object lives: positions must stay valid for `created`. */
  #prune(history: readonly CommittedChange[], rev: number): CommittedChange[] {
    const oldest = this.#horizon.oldestRev(rev);
    const isKept = (entry: CommittedChange) => entry.type === 'create' || entry.rev >= oldest;
    for (const entry of history) if (!isKept(entry)) this.#floor = Math.max(this.#floor, entry.pos);
    return history.filter(isKept);
  }

  #holderOf(
    { fields }: LayoutIndex,
    object: StoredObject,
    from: number,
    but: ReadonlySet<string> = nobody,
  ): StoredObject | undefined {
    const values = fields.map((field) => valueAtPath(object.data, field));
    if (values.includes(undefined) || object.modelVersion < from) return undefined;
    const isSame = ({ data }: StoredObject) =>
      fields.every((field, at) => isEqual(valueAtPath(data, field), values[at]));
    for (const other of this.living()) {
      if (other.modelVersion < from || but.has(other.r)) continue;
      if (other.r !== object.r && isSame(other)) return other;
    }
    return undefined;
  }
}

const nobody: ReadonlySet<string> = new Set();

function isEqual(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return a !== undefined && b !== undefined && deepEqual(a, b);
}

function uniqueIndexes(layout: CollectionLayout): readonly LayoutIndex[] {
  return layout.indexes.filter((index) => index.unique);
}

function asChange(entry: CommittedChange): Change {
  const { pos: _pos, object: _object, ...change } = entry;
  return change;
}
