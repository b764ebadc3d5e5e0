import type { CompiledSource } from '../source/compiled-source.js';
import type { ScriptCall } from './script-call.js';

/** Scripts that took long for one owner. */
interface Dear {
  /** By script: when it is forgotten, by the monotonic clock. */
  readonly scripts: Map<CompiledSource, number>;
  /** When all of it is forgotten. */
  forgotten: number;
}

/** Threads that an owner has for a call that takes long, and which scripts took long lately for which owner. */
export class HeldThreads<Of> {
  readonly #owners = new Map<Of, string>();
  readonly #dear = new Map<string, Dear>();

  get size(): number {
    return this.#owners.size;
  }

  add(thread: Of, owner: string): void {
    this.#owners.set(thread, owner);
  }

  /** This script took long for this owner. */
  tookLong({ compiled, owner }: Pick<ScriptCall, 'compiled' | 'owner'>, now: number): void {
    const { scripts } = this.#dear.get(owner) ?? { scripts: new Map<CompiledSource, number>() };
    scripts.set(compiled, now + forgetAfter);
    // Moved to the end: entries are forgotten in order.
    this.#dear.delete(owner);
    this.#dear.set(owner, { scripts, forgotten: now + forgetAfter });
    for (const [other, { forgotten }] of this.#dear) {
      if (forgotten > now) break;
      this.#dear.delete(other);
    }
  }

  /** Returns who held it, if anybody did. */
  release(thread: Of): string | undefined {
    const owner = this.#owners.get(thread);
    this.#owners.delete(thread);
    return owner;
  }

  /** How many threads this owner holds. */
  of(owner: string): number {
    let held = 0;
    for (const holder of this.#owners.values()) if (holder === owner) held++;
    return held;
  }

  /** Whether this script took long for this owner lately. */
  isDear({ compiled, owner }: Pick<ScriptCall, 'compiled' | 'owner'>, now: number): boolean {
    if (this.#dear.size === 0) return false;
    return (this.#dear.get(owner)?.scripts.get(compiled) ?? 0) > now;
  }
}

/** Milliseconds. */
const forgetAfter = 2000;
