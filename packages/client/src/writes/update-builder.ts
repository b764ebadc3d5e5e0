import type { FieldOp, JsonValue } from '@really/protocol/client';
import type { AnyOps } from '../models.js';

type Path<Of> = Extract<keyof Of, string>;

/** A required field has to keep a value. */
type Unsettable<Set> = Extract<
  { [Key in keyof Set]: null extends Set[Key] ? Key : never }[keyof Set],
  string
>;

/** Collects the operations of an update: `(u) => u.set('name', 'Amal').addNumber('visits', 1)`. */
export class UpdateBuilder<Ops extends AnyOps = AnyOps> {
  readonly ops: FieldOp[] = [];

  /** Replaces the value; null unsets it. Refused where somebody else changed the field meanwhile. */
  set<Key extends Path<Ops['set']>>(key: Key, value: Ops['set'][Key]): this {
    return this.#add({ op: 'set', key, value: value as JsonValue });
  }

  unset<Key extends Unsettable<Ops['set']>>(key: Key): this {
    return this.#add({ op: 'set', key, value: null });
  }

  /** Adds to a number, which counts as 0 where it is not set; merges with what others add. */
  addNumber<Key extends Ops['addNumber']>(key: Key, value: number): this {
    return this.#add({ op: 'addNumber', key, value });
  }

  /** Appends to a list: the value, or each element of a list. Merges. */
  push<Key extends Path<Ops['lists']>>(key: Key, value: OneOrMany<Ops['lists'][Key]>): this {
    return this.#add({ op: 'push', key, value: value as JsonValue });
  }

  /** As `push`, but only what is not in the list. Merges. */
  addToSet<Key extends Path<Ops['lists']>>(key: Key, value: OneOrMany<Ops['lists'][Key]>): this {
    return this.#add({ op: 'addToSet', key, value: value as JsonValue });
  }

  /** Removes every element that equals the value, or an element of it. Merges. */
  pull<Key extends Path<Ops['lists']>>(key: Key, value: OneOrMany<Ops['lists'][Key]>): this {
    return this.#add({ op: 'pull', key, value: value as JsonValue });
  }

  /** Refused where somebody else changed the list meanwhile, as `set` is. */
  insertAt<Key extends Path<Ops['lists']>>(
    key: Key,
    index: number,
    value: Ops['lists'][Key],
  ): this {
    return this.#add({ op: 'insertAt', key, value: value as JsonValue, opArgs: { index } });
  }

  removeAt<Key extends Path<Ops['lists']>>(key: Key, index: number): this {
    return this.#add({ op: 'removeAt', key, opArgs: { index } });
  }

  #add(op: FieldOp): this {
    this.ops.push(op);
    return this;
  }
}

type OneOrMany<Element> = Element | readonly Element[];
