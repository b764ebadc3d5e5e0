import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ownMember,
  setMember,
} from '../json/json.js';
import type { KeyStep } from './key.js';
import type { ListDraft } from './list-draft.js';
import type { UpdateWork } from './update-work.js';

type Container = JsonObject | JsonValue[];

/** What a key leads to: a value (`undefined`: unset), or why it leads nowhere. */
export type FoundValue =
  | { readonly kind: 'value'; readonly value: JsonValue | undefined }
  | { readonly kind: 'error'; readonly error: string };

/**
 * An object that is being changed. The original and the values put in are not modified: a container
 * is copied the first time that something in it changes, and only then.
 */
export class Draft {
  readonly root: JsonObject;
  readonly work: UpdateWork;
  readonly #own: Set<Container>;
  /** Of the draft's own lists those that are changed in place. */
  #lists: Map<Container, ListDraft> | undefined;
  readonly #listDraft: ((list: JsonValue[]) => ListDraft) | undefined;

  /** Without `listDraft` each operation copies the list that it changes. */
  constructor(
    original: JsonObject,
    work: UpdateWork,
    listDraft?: (list: JsonValue[]) => ListDraft,
  ) {
    this.root = { ...original };
    this.work = work;
    this.#listDraft = listDraft;
    this.#own = new Set([this.root]);
  }

  find(steps: readonly KeyStep[]): FoundValue {
    return find(this.root, steps);
  }

  /**
   * Puts a value at the path found by `find`; missing objects on the path are created. `undefined`
   * unsets: it removes a member, and leaves null as the element of a list, so that the others keep
   * their index.
   */
  put(steps: readonly KeyStep[], value: JsonValue | undefined): void {
    const path = steps.slice(0, -1);
    const last = steps.at(-1);
    if (last === undefined || (value === undefined && this.#missing(path))) return;
    this.#markPath(steps);
    let container: Container = this.root;
    for (const step of path) container = this.#enter(container, step);
    if (typeof last === 'number') assignElement(container, last, value ?? null);
    else if (value !== undefined) setMember(container as JsonObject, last, value);
    else delete (container as JsonObject)[last];
  }

  /** Puts a list that nothing else refers to: later operations may change it in place. */
  putOwn(steps: readonly KeyStep[], list: JsonValue[]): void {
    this.put(steps, list);
    this.#own.add(list);
  }

  /**
   * The list found by `find`, to be changed in place; `undefined` where it belongs to the original
   * or to a value put in, and without list drafts.
   */
  ownList(steps: readonly KeyStep[], list: JsonValue[]): ListDraft | undefined {
    if (!this.#listDraft || !this.#own.has(list)) return undefined;
    this.#markPath(steps);
    this.#lists ??= new Map();
    let draft = this.#lists.get(list);
    if (draft === undefined) {
      draft = this.#listDraft(list);
      this.#lists.set(list, draft);
    }
    return draft;
  }

  /** Marks the lists on the path as changed inside. */
  #markPath(steps: readonly KeyStep[]): void {
    if (!this.#lists) return;
    let value: JsonValue | undefined = this.root;
    for (const step of steps) {
      if (typeof step === 'number') this.#lists.get(value as Container)?.change(step);
      value = memberOf(value, step);
    }
  }

  #missing(path: readonly KeyStep[]): boolean {
    const found = this.find(path);
    return found.kind === 'value' && found.value === undefined;
  }

  #enter(container: Container, step: KeyStep): Container {
    const child = memberOf(container, step) as Container | undefined | null;
    if (child && this.#own.has(child)) return child;
    const copy: Container = Array.isArray(child) ? [...child] : { ...child };
    this.#own.add(copy);
    if (typeof step === 'number') assignElement(container, step, copy);
    else setMember(container as JsonObject, step, copy);
    return copy;
  }
}

/**
 * Follows a key through a value. An unset value counts as an empty object before a name, and as an
 * empty list before an index.
 */
export function find(root: JsonValue, steps: readonly KeyStep[]): FoundValue {
  let value: JsonValue | undefined = root;
  for (const step of steps) {
    const error = stepError(value, step);
    if (error !== undefined) return { kind: 'error', error };
    value = memberOf(value, step);
  }
  return { kind: 'value', value: value ?? undefined };
}

function stepError(value: JsonValue | undefined, step: KeyStep): string | undefined {
  if (typeof step === 'string') {
    return value === undefined || value === null || isJsonObject(value)
      ? undefined
      : 'type.invalid';
  }
  const list = value ?? [];
  if (!Array.isArray(list)) return 'error.not.a.list';
  return step < list.length ? undefined : 'error.index.out.of.range';
}

function memberOf(value: JsonValue | undefined, step: KeyStep): JsonValue | undefined {
  if (typeof step === 'number') return Array.isArray(value) ? value[step] : undefined;
  return isJsonObject(value) ? ownMember(value, step) : undefined;
}

function assignElement(container: Container, index: number, value: JsonValue): void {
  if (Array.isArray(container)) container[index] = value;
}
