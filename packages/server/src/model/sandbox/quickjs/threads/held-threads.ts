import type { CompiledSource } from '../source/compiled-source.js';
import type { ScriptCall } from './script-call.js';

/** Scripts that took long for one requester. */
interface Dear {
  /** By script: when it is forgotten, by the monotonic clock. */
  readonly scripts: Map<CompiledSource, number>;
  /** When all of it is forgotten. */
  forgotten: number;
}

/** Threads that were set aside with a call that takes long, and which scripts took long lately for which requester. */
export class HeldThreads<Of> {
  readonly #askers = new Map<Of, string>();
  readonly #dear = new Map<string, Dear>();

  get size(): number {
    return this.#askers.size;
  }

  add(thread: Of, { compiled, asker }: Pick<ScriptCall, 'compiled' | 'asker'>, now: number): void {
    this.#askers.set(thread, asker);
    const { scripts } = this.#dear.get(asker) ?? { scripts: new Map<CompiledSource, number>() };
    scripts.set(compiled, now + forgetAfter);
    // Moved to the end: entries are forgotten in order.
    this.#dear.delete(asker);
    this.#dear.set(asker, { scripts, forgotten: now + forgetAfter });
    for (const [other, { forgotten }] of this.#dear) {
      if (forgotten > now) break;
      this.#dear.delete(other);
    }
  }

  /** Returns who held it, if anybody did. */
  release(thread: Of): string | undefined {
    const asker = this.#askers.get(thread);
    this.#askers.delete(thread);
    return asker;
  }

  /** How many threads this requester holds. */
  of(asker: string): number {
    let held = 0;
    for (const holder of this.#askers.values()) if (holder === asker) held++;
    return held;
  }

  /** Whether this script took long for this requester lately. */
  isDear({ compiled, asker }: Pick<ScriptCall, 'compiled' | 'asker'>, now: number): boolean {
    if (this.#dear.size === 0) return false;
    return (this.#dear.get(asker)?.scripts.get(compiled) ?? 0) > now;
  }
}

/** Milliseconds. */
const forgetAfter = 2000;
