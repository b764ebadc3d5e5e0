import type { CompiledSource } from '../source/compiled-source.js';
import type { ScriptCall } from './script-call.js';

/** What took long for one asker. */
interface Dear {
  /** By the script, when that is forgotten, by the monotonic clock. */
  readonly scripts: Map<CompiledSource, number>;
  /** When all of it is. */
  forgotten: number;
}

/** Threads that were set aside with a call that takes long, and for whom which scripts did so lately. */
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
    // To the end: they are forgotten in order.
    this.#dear.delete(asker);
    this.#dear.set(asker, { scripts, forgotten: now + forgetAfter });
    for (const [other, { forgotten }] of this.#dear) {
      if (forgotten > now) break;
      this.#dear.delete(other);
    }
  }

  /** Answers who held it, if anybody did. */
  release(thread: Of): string | undefined {
    const asker = this.#askers.get(thread);
    this.#askers.delete(thread);
    return asker;
  }

  /** How many threads this asker holds. */
  of(asker: string): number {
    let held = 0;
    for (const one of this.#askers.values()) if (one === asker) held++;
    return held;
  }

  /** Whether this script took long for this asker lately. */
  isDear({ compiled, asker }: Pick<ScriptCall, 'compiled' | 'asker'>, now: number): boolean {
    if (this.#dear.size === 0) return false;
    return (this.#dear.get(asker)?.scripts.get(compiled) ?? 0) > now;
  }
}

/** Milliseconds. */
const forgetAfter = 2000;
