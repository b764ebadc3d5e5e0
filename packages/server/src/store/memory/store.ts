import { namesOf } from '@really/protocol';
import { compareText, compilePredicate } from '@really/protocol/values';
import type { Platform } from '../../platform/platform.js';
import { Slice as WorkSlice } from '../../platform/scheduling/slices.js';
import type { CollectionLayout, StoredFieldType } from '../collection-layout.js';
import { defaultStoreConfig, type StoreConfig } from '../common-config.js';
import type {
  AlteredObjects,
  CollectionSize,
  CollectionSlice,
  ExportReader,
  SliceRequest,
  StoreState,
} from '../export-reader.js';
import { makeEpoch } from '../make-epoch.js';
import { compareSortPositions, isMistyped, sortPositionOf } from '../order.js';
import type { Epoch, Store } from '../store.js';
import { QueryTimeout, StoreUnavailable } from '../store-errors.js';
import {
  type Changes,
  type Created,
  type Dependency,
  type Dependents,
  type DependentsPage,
  type History,
  type LogPage,
  type Order,
  type Outdated,
  prefixOf,
  type Query,
  readPageSize,
  type Scope,
} from '../store-reads.js';
import type { ObjectWithHistory, Pos, StoredObject } from '../stored-object.js';
import {
  type GroupOutcome,
  isUnchanged,
  type Migration,
  type MigrationOutcome,
  type OnceRecord,
  type RestoredObject,
  type RestoreOutcome,
  type Write,
  type WriteGroup,
  type WriteRefusal,
} from '../write-group.js';
import { MemoryCollection } from './collection.js';
import { frozenCopy } from './frozen-copy.js';
import { MemoryOnceKeys } from './memory-once-keys.js';

/** Forgets everything with the process. The simplest store, and the oracle for the others. */
export function openMemoryStore(
  config: Partial<StoreConfig>,
  platform: Platform,
): Store & ExportReader {
  return new MemoryStore({ ...defaultStoreConfig, ...config }, platform);
}

type Refused = Extract<GroupOutcome, { kind: 'refused' }>;

/** What takes back the steps of a transaction. */
type Undo = (() => void)[];

class MemoryStore implements Store, ExportReader {
  readonly isSoleWriter = true;
  readonly #config: StoreConfig;
  readonly #platform: Platform;
  readonly #collections = new Map<string, MemoryCollection>();
  readonly #once: MemoryOnceKeys;
  #position: Pos = 0;
  #newest = 0;
  #epoch: Epoch;
  #closed = false;

  constructor(config: StoreConfig, platform: Platform) {
    this.#config = config;
    this.#platform = platform;
    this.#once = new MemoryOnceKeys(config);
    this.#epoch = makeEpoch(platform.random, true);
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  async prepare(collections: readonly CollectionLayout[]): Promise<void> {
    this.#assertOpen();
    for (const layout of collections) this.#collection(layout.names).check(layout);
    const pos = this.#position + 1;
    if (collections.some((layout) => this.#collection(layout.names).hasOtherVersion(layout))) {
      this.#position = pos;
    }
    for (const layout of collections) this.#collection(layout.names).layOut(layout, pos);
  }

  async get(r: string): Promise<StoredObject | undefined> {
    this.#assertOpen();
    return this.#find(r);
  }

  async getMany(rs: readonly string[]): Promise<(StoredObject | undefined)[]> {
    this.#assertOpen();
    return rs.map((r) => this.#find(r));
  }

  async areLiving(rs: readonly string[]): Promise<boolean[]> {
    this.#assertOpen();
    return rs.map((r) => this.#find(r)?.deleted === false);
  }

  async commit(groups: readonly WriteGroup[]): Promise<GroupOutcome[]> {
    this.#assertOpen();
    const now = this.#platform.clock.now();
    return groups.map((group) => this.#apply(frozenCopy(group), now));
  }

  async restore(entries: readonly RestoredObject[], newest: number): Promise<RestoreOutcome> {
    this.#assertOpen();
    const isReplacing = entries.some((entry) => entry.replaces && this.#find(entry.object.r));
    const refused = this.#attempt((undo) => this.#restoreAll(entries, undo));
    if (refused) return refused;
    this.#newest = Math.max(this.#newest, newest);
    if (isReplacing) this.#epoch = makeEpoch(this.#platform.random, false);
    else if (entries.length > 0) this.#epoch = { ...this.#epoch, isFirst: false };
    return { kind: 'restored' };
  }

  async query(query: Query): Promise<StoredObject[]> {
    const { order, from } = query;
    const found = (await this.#matching(query))
      .map((object) => ({ object, place: sortPositionOf(object, order) }))
      .filter(({ place }) => from === undefined || compareSortPositions(order, from, place) < 0)
      .sort((a, b) => compareSortPositions(order, a.place, b.place));
    const skip = query.skip ?? 0;
    return found.slice(skip, skip + query.limit).map(({ object }) => object);
  }

  async count(query: Query): Promise<number> {
    return (await this.#matching(query)).length;
  }

  async history(r: string, after: number, limit: number): Promise<History> {
    this.#assertOpen();
    const now = this.#platform.clock.now();
    return this.#collection(namesOf(r)).history(r, { after, limit }, now);
  }

  async created(scope: Scope, after: Pos, limit: number): Promise<Created> {
    this.#assertOpen();
    if (after > this.#position) return { entries: [], through: this.#position, gone: true };
    const prefix = prefixOf(scope);
    const all = [...this.#collection(scope.names).creations()].filter(
      (entry) => entry.pos > after && entry.object.r.startsWith(prefix),
    );
    return pageOf(all, limit, this.#position);
  }

  async changes(scope: Scope, after: Pos, limit: number): Promise<Changes> {
    this.#assertOpen();
    const collection = this.#collection(scope.names);
    const gone = after > this.#position || after < collection.floor;
    if (gone) return { entries: [], through: this.#position, gone };
    const prefix = prefixOf(scope);
    const all = [...collection.log()].filter(
      (entry) => entry.pos > after && entry.change.r.startsWith(prefix),
    );
    return pageOf(all, limit, this.#position);
  }

  async outdated(
    names: readonly string[],
    version: number,
    after: number,
    limit: number,
  ): Promise<Outdated> {
    this.#assertOpen();
    // In the order of creation. Migrated objects drop out and do not count.
    const all = [...this.#collection(names).creations()]
      .filter(({ pos, object }) => pos > after && object.modelVersion < version)
      .sort((a, b) => a.pos - b.pos)
      .slice(0, limit);
    const objects = all.map(({ object }) => object);
    return { objects, next: all.length < limit ? undefined : all.at(-1)?.pos };
  }

  async countOutdated(names: readonly string[], version: number): Promise<number> {
    const { objects } = await this.outdated(names, version, 0, Number.POSITIVE_INFINITY);
    return objects.length;
  }

  async migrate(objects: readonly Migration[]): Promise<MigrationOutcome[]> {
    this.#assertOpen();
    return objects.map((migration) =>
      this.#collection(namesOf(migration.object.r)).migrate(frozenCopy(migration)),
    );
  }

  /** Not needed: `outdated` is fast enough without it. */
  async migrated(): Promise<void> {
    this.#assertOpen();
  }

  async mistyped(names: readonly string[], types: readonly StoredFieldType[]): Promise<boolean> {
    this.#assertOpen();
    for (const { data } of this.#collection(names).living()) {
      if (isMistyped(data, types)) return true;
    }
    return false;
  }

  async dependents(
    r: string,
    dependency: Dependency,
    { after = '', limit }: DependentsPage,
  ): Promise<Dependents> {
    this.#assertOpen();
    const rs = [...this.#dependentsOf(r, dependency)]
      .map((object) => object.r)
      .filter((found) => found > after)
      .sort(compareText)
      .slice(0, limit);
    return { rs, next: rs[limit - 1] };
  }

  async position(): Promise<Pos> {
    this.#assertOpen();
    return this.#position;
  }

  async latestChangeTime(): Promise<number> {
    this.#assertOpen();
    return this.#newest;
  }

  async state(): Promise<StoreState> {
    this.#assertOpen();
    return { position: this.#position, newest: this.#newest };
  }

  async collections(): Promise<CollectionSize[]> {
    this.#assertOpen();
    return [...this.#collections]
      .sort(([a], [b]) => compareText(a, b))
      .map(([key, { size }]) => ({ names: key.split('/'), objects: size }));
  }

  async slice({ names, after, limit, history }: SliceRequest): Promise<CollectionSlice> {
    this.#assertOpen();
    const found = [...this.#collection(names).everything()]
      .filter(({ object }) => !after || compareById(after, object.r) < 0)
      .sort((a, b) => compareById(a.object.r, b.object.r));
    const entries = found.slice(0, limit).map((kept) => asWanted(kept, history));
    return { entries, more: found.length > limit };
  }

  async altered(after: Pos, limit: number, history: boolean): Promise<AlteredObjects> {
    this.#assertOpen();
    const found = [...this.#collections.values()]
      .flatMap((collection) => [...collection.everything()])
      .filter(({ last }) => last > after)
      .sort((a, b) => a.last - b.last);
    const listed = found.slice(0, limit);
    const more = found.length > limit;
    const through = (more ? listed.at(-1)?.last : undefined) ?? this.#position;
    return { entries: listed.map((kept) => asWanted(kept, history)), through, more, lost: [] };
  }

  async once(uid: string, id: string): Promise<OnceRecord | undefined> {
    this.#assertOpen();
    return this.#once.find(uid, id, this.#platform.clock.now());
  }

  async ping(): Promise<void> {
    this.#assertOpen();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #apply({ writes, once, erases = [] }: WriteGroup, now: number): GroupOutcome {
    const known = once && this.#once.find(once.uid, once.id, now);
    if (known) return { kind: 'repeated', first: known };
    const missing = erases.find((r) => this.#find(r)?.deleted ?? true);
    if (missing !== undefined) {
      return { kind: 'refused', index: writes.length, refusal: { kind: 'missing', r: missing } };
    }
    const first = this.#position + 1;
    const refused = this.#attempt((undo) => this.#applyAll(writes, once?.id, undo));
    if (refused) return refused;
    for (const r of erases) this.#collection(namesOf(r)).erase(r);
    if (once) {
      const results = writes.map(({ object: { r, rev } }) => ({ r, rev }));
      this.#once.add({ ...once, results }, now);
    }
    return { kind: 'committed', positions: writes.map((_, index) => first + index) };
  }

  /** Undoes what `work` did where it returns a refusal. */
  #attempt(work: (undo: Undo) => Refused | undefined): Refused | undefined {
    const before = { position: this.#position, newest: this.#newest };
    const undo: Undo = [];
    const refused = work(undo);
    if (!refused) return undefined;
    for (const takeBack of undo.reverse()) takeBack();
    this.#position = before.position;
    this.#newest = before.newest;
    return refused;
  }

  #restoreAll(entries: readonly RestoredObject[], undo: Undo): Refused | undefined {
    for (const { replaces, object } of entries) {
      if (replaces) undo.push(this.#collection(namesOf(object.r)).takeOut(object.r));
    }
    for (const [index, entry] of entries.entries()) {
      const { object, history } = frozenCopy(entry);
      const refusal = this.#restoreRefusal(object);
      if (refusal) return { kind: 'refused', index, refusal };
      const pos = this.#position + 1;
      undo.push(this.#collection(namesOf(object.r)).restore({ object, history }, pos));
      this.#position += Math.max(1, history.length);
      this.#newest = history.reduce((most, { at }) => Math.max(most, at), this.#newest);
    }
    return undefined;
  }

  #applyAll(writes: readonly Write[], once: string | undefined, undo: Undo): Refused | undefined {
    for (const [index, write] of writes.entries()) {
      const refusal = this.#refusal(write);
      if (refusal) return { kind: 'refused', index, refusal };
      const pos = ++this.#position;
      this.#newest = Math.max(this.#newest, write.change.at);
      undo.push(this.#collection(namesOf(write.object.r)).apply(write, pos, once));
    }
    const unjudged = new Set(writes.map(({ object }) => object.r));
    for (const [index, { object }] of writes.entries()) {
      if (this.#find(object.r) !== object) continue;
      unjudged.delete(object.r);
      const fields = this.#collection(namesOf(object.r)).clash(object, unjudged);
      if (fields) return { kind: 'refused', index, refusal: { kind: 'unique', fields } };
    }
    return undefined;
  }

  #refusal(write: Write): WriteRefusal | undefined {
    const stored = this.#find(write.object.r);
    const rev = stored?.rev ?? 0;
    const deleted = stored?.deleted ?? false;
    if (deleted || rev !== write.change.rev - 1) return { kind: 'conflict', rev, deleted };
    const changed = write.reads?.find((read) => !isUnchanged(read, this.#find(read.r)));
    if (changed !== undefined) return { kind: 'changed', r: changed.r };
    const missing = write.requires.find((r) => this.#find(r)?.deleted ?? true);
    if (missing !== undefined) return { kind: 'missing', r: missing };
    const by = write.noDependents?.find((dependency) => {
      const [first] = this.#dependentsOf(write.object.r, dependency);
      return first !== undefined;
    });
    return by && { kind: 'referenced', by };
  }

  #dependentsOf(r: string, { names, field }: Dependency): Iterable<StoredObject> {
    const collection = this.#collection(names);
    return field === undefined
      ? collection.children(r, names.at(-1) ?? '')
      : collection.referrers(r, field);
  }

  #restoreRefusal(object: StoredObject): WriteRefusal | undefined {
    const there = this.#find(object.r);
    if (there) return { kind: 'conflict', rev: there.rev, deleted: there.deleted };
    const fields = this.#collection(namesOf(object.r)).clash(object);
    return fields === undefined ? undefined : { kind: 'unique', fields };
  }

  /** Yields during long queries, so others may write meanwhile. */
  async #matching(query: Query): Promise<StoredObject[]> {
    this.#assertOpen();
    const started = this.#platform.clock.monotonic();
    const prefix = prefixOf(query.scope);
    const isWanted = placeTest(query);
    const matches = query.filter ? compilePredicate(query.filter) : () => true;
    const found: StoredObject[] = [];
    const slice = new WorkSlice(this.#platform.clock);
    for (const object of [...this.#collection(query.scope.names).living()]) {
      this.#assertInTime(started, query.timeout);
      if (slice.isOver) await slice.rest();
      if (object.modelVersion < (query.modelVersion ?? 0)) continue;
      const { r, rev } = object;
      if (!r.startsWith(prefix) || !isWanted(r)) continue;
      if (matches({ ...object.data, _r: r, _rev: rev })) found.push(object);
    }
    this.#assertInTime(started, query.timeout);
    return found;
  }

  #assertInTime(started: number, timeout: number): void {
    if (this.#platform.clock.monotonic() - started >= timeout) {
      throw new QueryTimeout(`the query took longer than ${timeout} ms`);
    }
  }

  #find(r: string): StoredObject | undefined {
    return this.#collection(namesOf(r)).get(r);
  }

  #collection(names: readonly string[]): MemoryCollection {
    const key = names.join('/');
    const known = this.#collections.get(key);
    if (known) return known;
    const collection = new MemoryCollection(this.#config.history);
    this.#collections.set(key, collection);
    return collection;
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreUnavailable('the store is closed');
  }
}

const byId: Order = { keys: [{ field: '_r', descending: false }] };

function compareById(a: string, b: string): number {
  return compareSortPositions(byId, { values: [], r: a }, { values: [], r: b });
}

function asWanted({ object, history }: ObjectWithHistory, wanted: boolean): ObjectWithHistory {
  return { object, history: wanted ? history : [] };
}

/** Whether an object of the scope's collection is under the parents that the scope names. */
function placeTest({ id, below }: Query): (r: string) => boolean {
  const parents = below && new Set(below);
  return (r) => {
    const end = r.lastIndexOf('/');
    if (id !== undefined && r.slice(end + 1) !== id) return false;
    return parents?.has(r.slice(0, r.lastIndexOf('/', end - 1))) ?? true;
  };
}

/** A page of the log, which ends at the limit or at `readPageSize`. `position`: of the whole store. */
function pageOf<Entry extends { readonly pos: Pos }>(
  unordered: readonly Entry[],
  limit: number,
  position: Pos,
): LogPage<Entry> {
  const all = unordered.toSorted((a, b) => a.pos - b.pos);
  let left = readPageSize;
  for (const [index, entry] of all.entries()) {
    left -= JSON.stringify(entry).length;
    if (index + 1 < limit && left > 0) continue;
    return { entries: all.slice(0, index + 1), through: entry.pos, gone: false, more: true };
  }
  return { entries: all, through: position, gone: false };
}
