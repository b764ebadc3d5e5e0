import { parseR } from '@really/protocol';
import type { Model } from '../model/model.js';
import { newReferences } from '../model/validation/references.js';
import type { Store } from '../store/store.js';
import type { StoredObject } from '../store/stored-object.js';

/** Targets that are remembered until they turn up, and those that are reported at the end. */
const maxPending = 50_000;
const maxReported = 10;

/** Finds referenced objects that do not exist. They may come later in the same file. */
export class MissingReferences {
  readonly #store: Store;
  /** By target, the first object that refers to it. */
  readonly #unchecked = new Map<string, string>();
  readonly #pending = new Map<string, string>();
  #overflowed = false;

  constructor(store: Store) {
    this.#store = store;
  }

  add(from: string, targets: readonly string[]): void {
    for (const target of targets)
      if (!this.#unchecked.has(target)) this.#unchecked.set(target, from);
  }

  /** Call it when the objects with the references are written. */
  async check(): Promise<void> {
    const missing = await this.#notThere(this.#unchecked);
    this.#unchecked.clear();
    if (this.#pending.size + missing.length > maxPending) await this.#recheck();
    for (const [target, from] of missing) {
      if (this.#pending.size < maxPending) this.#pending.set(target, from);
      else this.#overflowed = true;
    }
  }

  async report(): Promise<{ readonly missing: readonly string[]; readonly missingCount: number }> {
    await this.#recheck();
    const lines = [...this.#pending].map(([target, from]) => `${target}, which ${from} points at`);
    const missingCount = lines.length + (this.#overflowed ? 1 : 0);
    return { missing: lines.slice(0, maxReported), missingCount };
  }

  async #recheck(): Promise<void> {
    const missing = new Map(await this.#notThere(this.#pending));
    for (const target of this.#pending.keys())
      if (!missing.has(target)) this.#pending.delete(target);
  }

  /** A tombstone suffices: an object may outlive what it refers to. */
  async #notThere(targets: ReadonlyMap<string, string>): Promise<[string, string][]> {
    const found = await this.#store.getMany([...targets.keys()]);
    return [...targets].filter((_, index) => found[index] === undefined);
  }
}

/** What an object requires: its parent, and the objects that it refers to. */
export function targetsOf({ r, data, deleted }: StoredObject, model: Model | undefined): string[] {
  if (deleted || !model) return [];
  const steps = r.split('/');
  const parent = steps.length > 3 ? [steps.slice(0, -2).join('/')] : [];
  // A field that became a reference may hold any older text.
  const references = newReferences(model, data).filter(
    (found) => parseR(found.r)?.kind === 'object',
  );
  return [...parent, ...references.map((found) => found.r)];
}
