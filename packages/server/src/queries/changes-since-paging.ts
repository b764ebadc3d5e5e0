import {
  applyDelta,
  fail,
  type JsonObject,
  type JsonValue,
  ownMember,
  setMember,
  topField,
} from '@really/protocol';
import type { Model } from '../model/model.js';
import { estimateChangeBytes } from '../objects/estimate-bytes.js';
import { sortFields } from '../store/order.js';
import type { Store } from '../store/store.js';
import type { Order, Scope } from '../store/store-reads.js';
import type { Change, Pos, StoredObject } from '../store/stored-object.js';
import type { QueryTimeBudget } from './query-time-budget.js';

export interface ChangesSincePagingOptions {
  readonly store: Pick<Store, 'changes' | 'history'>;
  readonly scope: Scope;
  readonly model: Model;
  /** The order of the pages. */
  readonly order: Order;
  /** A script may hide the order's fields depending on any other field. */
  readonly whole?: boolean | undefined;
  /** The store's position when paging began. */
  readonly since: Pos;
  /** The time budget of the query. */
  readonly time: QueryTimeBudget;
  /** Approximate bytes of changes and changed objects that it may keep; beyond: 410. */
  readonly bytes: number;
}

/** An object changed since paging began, with the changes needed to restore its earlier state. */
interface ChangedObject {
  /** `undefined` until its last change is read. */
  object: StoredObject | undefined;
  /** The first change since paging began. */
  readonly first: Change;
  /** By relevant field, the first change since paging began that touched it. */
  readonly touching: Map<string, Change>;
}

/** The value of a field; `undefined`: absent. */
interface FieldValue {
  readonly value: JsonValue | undefined;
}

/** Changes per read. */
const pageSize = 1000;

/** Paging fails with 410 after this many changes since it began. */
const maxChanges = 20_000;

/** Revisions per read. */
const revisionsPerRead = 32;

/**
 * The changes of a collection since paging through it began. Paging uses the places that objects
 * had then (or were created with later), so that none is returned twice or skipped because it moved
 * (rule REA7).
 */
export class ChangesSincePaging {
  readonly #options: ChangesSincePagingOptions;
  /** The top-level fields that the order is by. */
  readonly #fields: readonly string[];
  readonly #changed = new Map<string, ChangedObject>();
  #through: Pos;
  #changes = 0;
  #bytes = 0;

  constructor(options: ChangesSincePagingOptions) {
    this.#options = options;
    this.#fields = [...new Set(sortFields(options.order).map(topField))];
    this.#through = options.since;
  }

  get size(): number {
    return this.#changed.size;
  }

  has(r: string): boolean {
    return this.#changed.has(r);
  }

  /** Reads the changes up to now. Throws 410 if they are gone or too many. */
  async catchUp(): Promise<void> {
    const { store, scope, time, bytes } = this.#options;
    for (;;) {
      const from = this.#through;
      const page = await store.changes(scope, from, pageSize, time.patience);
      const { entries, through, gone, more } = page;
      this.#changes += entries.length;
      for (const entry of entries) this.#bytes += estimateChangeBytes(entry);
      if (gone || this.#changes > maxChanges || this.#bytes > bytes) throw fail('position.gone');
      for (const { change, object } of entries) this.#note(change, object);
      this.#through = through;
      if (!more) return;
    }
  }

  /** The changed objects that still exist, in their current state. */
  objects(): StoredObject[] {
    return [...this.#changed.values()].flatMap(({ object }) =>
      object && !object.deleted ? [object] : [],
    );
  }

  /**
   * The object with its revision and relevant fields as of the start of the paging; `undefined` if
   * it was just deleted. Throws 410 if that state is unknown.
   */
  async asOfStart(object: StoredObject): Promise<StoredObject | undefined> {
    const changed = this.#changed.get(object.r);
    if (!changed) return object;
    const { first, touching } = changed;
    const rev = Math.max(1, first.rev - 1);
    if (this.#options.whole && first.created) return { ...object, rev, data: first.created };
    const data = { ...object.data };
    for (const [field, change] of touching) {
      const before = await this.#before(field, change);
      if (!before) return undefined;
      if (before.value === undefined) delete data[field];
      else setMember(data, field, before.value);
    }
    return { ...object, rev, data };
  }

  #note(change: Change, object: StoredObject | undefined): void {
    const known = this.#changed.get(change.r) ?? { object, first: change, touching: new Map() };
    this.#changed.set(change.r, known);
    if (object) known.object = object;
    for (const field of this.#touchedBy(change)) {
      if (!known.touching.has(field)) known.touching.set(field, change);
    }
  }

  /** The relevant fields of a change. */
  #touchedBy({ type, touched }: Change): readonly string[] {
    if (type === 'create') return this.#fields;
    if (this.#options.whole) return Object.keys(touched);
    return this.#fields.filter((field) => Object.hasOwn(touched, field));
  }

  /** The value before a change that touched the field; of a creation, the created value. */
  async #before(field: string, { r, created, touched }: Change): Promise<FieldValue | undefined> {
    if (created) return { value: ownMember(created, field) };
    const rev = ownMember(touched, field) ?? 1;
    const changes = await this.#history(r, rev - 1, 1);
    if (!changes) return undefined;
    const [change] = changes;
    if (change?.created) return { value: ownMember(change.created, field) };
    const entry = change && ownMember(change.delta, field);
    if (entry?.op === 'set') return { value: entry.opValue ?? undefined };
    if (entry?.value !== undefined) return { value: entry.value };
    return await this.#rebuilt(field, r, rev);
  }

  /** Rebuilds a field from the creation on, if a single change does not have its value. */
  async #rebuilt(field: string, r: string, rev: number): Promise<FieldValue | undefined> {
    let data: JsonObject = {};
    for (let at = 0; at < rev; ) {
      const changes = await this.#history(r, at, Math.min(revisionsPerRead, rev - at));
      if (!changes) return undefined;
      for (const { created, delta } of changes) data = created ?? applyDelta(data, delta);
      at += changes.length;
    }
    return { value: ownMember(data, field) };
  }

  /** At least one change; `undefined` if the object was deleted, and its history with it. */
  async #history(r: string, after: number, limit: number): Promise<readonly Change[] | undefined> {
    const { store, model, time } = this.#options;
    const { entries, object } = await store.history(r, after, limit, time.patience);
    if (object?.deleted) return undefined;
    const known = entries.every(({ modelVersion }) => modelVersion === model.version);
    if (entries.length === 0 || !known) throw fail('position.gone');
    return entries;
  }
}
