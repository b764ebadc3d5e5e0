import { type JsonObject, type JsonValue, ownMember } from '@really/protocol';
import { FieldTerms } from './field-terms.js';
import { isScalar } from './filter-terms.js';

/** Beyond this many fields a node has children. */
const mostFields = 16;

/**
 * The terms of fields whose paths begin alike, in a tree: below a member that an object does not have,
 * nothing is looked at. There may be thousands of fields in a Json field.
 */
export class FieldTree<T> {
  /** Steps of the path to here. */
  readonly #depth: number;
  /** By the path as text. With children: at most the field that is here. */
  readonly #fields = new Map<string, FieldTerms<T>>();
  /** By the next step. */
  #children: Map<string, FieldTree<T>> | undefined;

  constructor(depth = 0) {
    this.#depth = depth;
  }

  get isEmpty(): boolean {
    return this.#fields.size === 0 && (this.#children?.size ?? 0) === 0;
  }

  /** Without children, of which there may be very many. */
  get isLeaf(): boolean {
    return this.#children === undefined;
  }

  /** Of this path, which begins as this node's. */
  termsOf(path: readonly string[]): FieldTerms<T> {
    const node = this.#nodeFor(path);
    const known = node.#fields.get(path.join('.'));
    if (known) return known;
    const terms = new FieldTerms<T>(path);
    node.#keep(terms);
    return terms;
  }

  delete(path: readonly string[], from: (terms: FieldTerms<T>) => void): void {
    const step = path[this.#depth];
    const child = step === undefined ? undefined : this.#children?.get(step);
    if (step !== undefined && child) {
      child.delete(path, from);
      if (child.isEmpty) this.#children?.delete(step);
      return;
    }
    const field = path.join('.');
    const terms = this.#fields.get(field);
    if (!terms) return;
    from(terms);
    if (terms.isEmpty) this.#fields.delete(field);
  }

  /** Those of its own fields. `value`: what the object has here. */
  findHere(value: JsonValue | undefined, found: Set<T>): void {
    for (const terms of this.#fields.values()) {
      const item = valueAt(value, terms.path, this.#depth);
      if (isScalar(item)) terms.find(item, found);
    }
  }

  /** And those below. Yields how many fields and members it looked at: at most `mostFields` at a time. */
  *find(value: JsonValue | undefined, found: Set<T>): Iterable<number> {
    this.findHere(value, found);
    yield this.#fields.size;
    const children = this.#children;
    if (!children || !isObject(value)) return;
    for (const step of commonSteps(value, children)) {
      const child = children.get(step);
      if (child && Object.hasOwn(value, step)) yield* child.find(value[step], found);
      yield 1;
    }
  }

  /** The node for the field of this path: this one, or one below. */
  #nodeFor(path: readonly string[]): FieldTree<T> {
    const step = path[this.#depth];
    if (!this.#children || step === undefined) return this;
    const child = this.#children.get(step) ?? new FieldTree<T>(this.#depth + 1);
    this.#children.set(step, child);
    return child.#nodeFor(path);
  }

  #keep(terms: FieldTerms<T>): void {
    this.#fields.set(terms.path.join('.'), terms);
    if (this.#fields.size <= mostFields) return;
    this.#children = new Map();
    for (const [field, each] of this.#fields) {
      const node = this.#nodeFor(each.path);
      if (node === this) continue;
      this.#fields.delete(field);
      node.#keep(each);
    }
  }
}

/** At least all steps that both have: the members of the object, unless there are more of them. */
function commonSteps(value: JsonObject, children: ReadonlyMap<string, unknown>): Iterable<string> {
  if (children.size <= mostFields) return children.keys();
  const members = Object.keys(value);
  return members.length < children.size ? members : children.keys();
}

function valueAt(
  value: JsonValue | undefined,
  path: readonly string[],
  depth: number,
): JsonValue | undefined {
  let inner = value;
  for (let at = depth; at < path.length; at++) {
    if (!isObject(inner)) return undefined;
    inner = ownMember(inner, path[at] ?? '');
  }
  return inner;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
