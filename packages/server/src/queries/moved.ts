import { applyDelta, fail, type JsonObject, type JsonValue, ownMember } from '@really/protocol';
import type { Model } from '../model/model.js';
import type { Change, Order, Pos, Scope, Store, StoredObject } from '../store/store.js';

export interface MovedOptions {
  readonly store: Pick<Store, 'changes' | 'history'>;
  readonly scope: Scope;
  readonly model: Model;
  /** The order of the walk. */
  readonly order: Order;
  /** The position of the store when the walk began. */
  readonly since: Pos;
}

/** An object that was written since, and the writes that say how it was before. */
interface Mover {
  readonly object: StoredObject;
  /** The first change since. */
  readonly first: Change;
  /** The first one since that touched the field of the order. */
  readonly touching: Change | undefined;
}

/** What a field held; `undefined`: nothing. */
interface Held {
  readonly value: JsonValue | undefined;
}

/** Changes that are read at a time. */
const chunk = 1000;

/** Changes since the beginning of a walk beyond which it can not go on. */
const most = 20_000;

/** Revisions that are read at a time. */
const revisions = 32;

/**
 * What was written to a collection since a walk through it began. A walk goes by the places that its
 * objects had then (or, of those that came later, were created with), so that none of them is met twice
 * or slips past because it moved (rule REA7).
 */
export class Moved {
  readonly #options: MovedOptions;
  readonly #field: string;
  readonly #movers = new Map<string, Mover>();
  #through: Pos;
  #changes = 0;

  constructor(options: MovedOptions) {
    this.#options = options;
    this.#field = options.order.field.split('.')[0] ?? '';
    this.#through = options.since;
  }

  get size(): number {
    return this.#movers.size;
  }

  has(r: string): boolean {
    return this.#movers.has(r);
  }

  /** Takes in what was written up to now. Throws 410 where the store does not know any more, or it is too much. */
  async catchUp(): Promise<void> {
    const { store, scope } = this.#options;
    for (;;) {
      const { entries, through, gone } = await store.changes(scope, this.#through, chunk);
      this.#changes += entries.length;
      if (gone || this.#changes > most) throw fail('position.gone');
      for (const { change, object } of entries) this.#note(change, object);
      this.#through = through;
      if (entries.length < chunk) return;
    }
  }

  /** Those of them that are still there, as they are now. */
  objects(): StoredObject[] {
    return [...this.#movers.values()].flatMap(({ object }) => (object.deleted ? [] : [object]));
  }

  /**
   * One of them, with the revision and in the field of the order as it was; `undefined` where it was deleted
   * just now. Throws 410 where nobody knows how it was.
   */
  async asItWas(object: StoredObject): Promise<StoredObject | undefined> {
    const mover = this.#movers.get(object.r);
    if (!mover) return object;
    const { first, touching } = mover;
    const rev = Math.max(1, first.rev - 1);
    if (!touching) return { ...object, rev };
    const was = await this.#before(touching);
    if (!was) return undefined;
    const { [this.#field]: _now, ...others } = object.data;
    const data = was.value === undefined ? others : { ...others, [this.#field]: was.value };
    return { ...object, rev, data };
  }

  #note(change: Change, object: StoredObject): void {
    const known = this.#movers.get(object.r);
    const touches = change.type === 'create' || Object.hasOwn(change.touched, this.#field);
    this.#movers.set(object.r, {
      object,
      first: known?.first ?? change,
      touching: known?.touching ?? (touches ? change : undefined),
    });
  }

  /** What the field held before a change that touched it; of a creation, what it was created with. */
  async #before({ r, created, touched }: Change): Promise<Held | undefined> {
    if (created) return { value: ownMember(created, this.#field) };
    const rev = ownMember(touched, this.#field) ?? 1;
    const changes = await this.#history(r, rev - 1, 1);
    if (!changes) return undefined;
    const [change] = changes;
    if (change?.created) return { value: ownMember(change.created, this.#field) };
    const entry = change && ownMember(change.delta, this.#field);
    if (entry?.op === 'set') return { value: entry.opValue ?? undefined };
    if (entry?.value !== undefined) return { value: entry.value };
    return await this.#rebuilt(r, rev);
  }

  /** The field at a revision, from the creation on: for what can not be read off one change. */
  async #rebuilt(r: string, rev: number): Promise<Held | undefined> {
    let data: JsonObject = {};
    for (let at = 0; at < rev; ) {
      const changes = await this.#history(r, at, Math.min(revisions, rev - at));
      if (!changes) return undefined;
      for (const { created, delta } of changes) data = created ?? applyDelta(data, delta);
      at += changes.length;
    }
    return { value: ownMember(data, this.#field) };
  }

  /** One change at least; `undefined` where a deletion has left nothing of them. */
  async #history(r: string, after: number, limit: number): Promise<readonly Change[] | undefined> {
    const { store, model } = this.#options;
    const { entries, object } = await store.history(r, after, limit);
    if (object?.deleted) return undefined;
    const known = entries.every(({ modelVersion }) => modelVersion === model.version);
    if (entries.length === 0 || !known) throw fail('position.gone');
    return entries;
  }
}
