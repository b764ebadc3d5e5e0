import type { Asking } from '../../sandbox.js';
import type { CompiledSource } from '../source/compiled-source.js';

/** A call, or a compilation, on its way through the threads. */
export class ScriptCall {
  readonly compiled: CompiledSource;
  /** Null: compile only. */
  readonly scope: string | null;
  /** The requester. */
  readonly asker: string;
  /** Whether the script's arguments come from the requester. */
  readonly isOwn: boolean;
  /** When it began to wait in quarantine, by the monotonic clock. */
  slowSince = 0;
  /** Number of threads that failed while they had it. */
  failures = 0;
  /** It was ended once, and runs again only to find the line. */
  again = false;
  readonly #take: (answer: string) => void;
  #settled = false;

  /** `take` is given the answer, once, as `answers.ts` spells it. */
  constructor(
    compiled: CompiledSource,
    scope: string | null,
    { asker, isOwn }: Asking,
    take: (answer: string) => void,
  ) {
    this.compiled = compiled;
    this.scope = scope;
    this.asker = asker;
    this.isOwn = isOwn;
    this.#take = take;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Approximate bytes while it waits. */
  get bytes(): number {
    return bytesOfAny + (this.scope?.length ?? 0);
  }

  settle(answer: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#take(answer);
  }
}

const bytesOfAny = 1024;
