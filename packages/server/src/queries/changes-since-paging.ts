import {
  applyDelta,
  fail,
  type JsonObject,
  type JsonValue,
  ownMember,
  setMember,
} from '@really/protocol';
import type { Model } from '../model/model.js';
import type { Change, Order, Pos, Scope, Store, StoredObject } from '../store/store.js';

import type { QueryTimeBudget } from './query-time-budget.js';

export interface ChangesSincePagingOptions {
  readonly store: Pick<Store, 'changes' | 'history'>;
  readonly scope: Scope;
  readonly model: Model;
  /** The order of the walk. */
  readonly order: Order;
  /** The whole object says what its place was, since a script of the model may hide the field of the order by any other. */
  readonly whole?: boolean | undefined;
  /** The position of the store when the walk began. */
  readonly since: Pos;
  /** Of the walk. */
  readonly time: QueryTimeBudget;
}

/** An object that was written since, and the writes that say how it was before. */
interface ChangedObject {
  readonly object: StoredObject;
  /** The first change since. */
  readonly first: Change;
  /** By field, the first one since that touched it, of the fields that matter. */
  readonly touching: ReadonlyMap<string, Change>;
}

/** What a field held; `undefined`: nothing. */
interface FieldValue {
  readonly value: JsonValue | undefined;
}

/** Changes that are read at a time. */
const chunk = 1000;

/** Changes since the beginning of a walk beyond which it can not go on. */
const maxChanges = 20_000;

/** Revisions that are read at a time. */
const revisions = 32;

/**
 * What was written to a collection since a walk through it began. A walk goes by the places that its
 * objects had then (or, of those that came later, were created with), so that none of them is met twice
 * or slips past because it moved (rule REA7).
 */
export class ChangesSincePaging {
  readonly #options: ChangesSincePagingOptions;
  readonly #field: string;
  readonly #changed = new Map<string, ChangedObject>();
  #through: Pos;
  #changes = 0;

  constructor(options: ChangesSincePagingOptions) {
    this.#options = options;
    this.#field = options.order.field.split('.')[0] ?? '';
    this.#through = options.since;
  }

  get size(): number {
    return this.#changed.size;
  }

  has(r: string): boolean {
    return this.#changed.has(r);
  }

  /** Takes in what was written up to now. Throws 410 where the store does not know any more, or it is too much. */
  async catchUp(): Promise<void> {
    const { store, scope, time } = this.#options;
    for (;;) {
      const { entries, through, gone } = await store.changes(
        scope,
        this.#through,
        chunk,
        time.patience,
      );
      this.#changes += entries.length;
      if (gone || this.#changes > maxChanges) throw fail('position.gone');
      for (const { change, object } of entries) this.#note(change, object);
      this.#through = through;
      if (entries.length < chunk) return;
    }
  }

  /** Those of them that are still there, as they are now. */
  objects(): StoredObject[] {
    return [...this.#changed.values()].flatMap(({ object }) => (object.deleted ? [] : [object]));
  }

  /**
   * One of them, with the revision and in the fields that matter as it was; `undefined` where it was deleted
   * just now. Throws 410 where nobody knows how it was.
   */
  async asOfStart(object: StoredObject): Promise<StoredObject | undefined> {
    const changed = this.#changed.get(object.r);
    if (!changed) return object;
    const { first, touching } = changed;
    const rev = Math.max(1, first.rev - 1);
    if (this.#options.whole && first.created) return { ...object, rev, data: first.created };
    const data = { ...object.data };
    for (const [field, change] of touching) {
      const was = await this.#before(field, change);
      if (!was) return undefined;
      if (was.value === undefined) delete data[field];
      else setMember(data, field, was.value);
    }
    return { ...object, rev, data };
  }

  #note(change: Change, object: StoredObject): void {
    const known = this.#changed.get(object.r);
    const touching = new Map(known?.touching);
    for (const field of this.#touchedBy(change)) {
      if (!touching.has(field)) touching.set(field, change);
    }
    this.#changed.set(object.r, { object, first: known?.first ?? change, touching });
  }

  /** Of the fields that matter. */
  #touchedBy({ type, touched }: Change): readonly string[] {
    if (type === 'create') return [this.#field];
    if (this.#options.whole) return Object.keys(touched);
    return Object.hasOwn(touched, this.#field) ? [this.#field] : [];
  }

  /** What a field held before a change that touched it; of a creation, what it was created with. */
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

  /** The field at a revision, from the creation on: for what can not be read off one change. */
  async #rebuilt(field: string, r: string, rev: number): Promise<FieldValue | undefined> {
    let data: JsonObject = {};
    for (let at = 0; at < rev; ) {
      const changes = await this.#history(r, at, Math.min(revisions, rev - at));
      if (!changes) return undefined;
      for (const { created, delta } of changes) data = created ?? applyDelta(data, delta);
      at += changes.length;
    }
    return { value: ownMember(data, field) };
  }

  /** One change at least; `undefined` where a deletion has left nothing of them. */
  async #history(r: string, after: number, limit: number): Promise<readonly Change[] | undefined> {
    const { store, model, time } = this.#options;
    const { entries, object } = await store.history(r, after, limit, time.patience);
    if (object?.deleted) return undefined;
    const known = entries.every(({ modelVersion }) => modelVersion === model.version);
    if (entries.length === 0 || !known) throw fail('position.gone');
    return entries;
  }
}
