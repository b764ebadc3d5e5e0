import type { Asking } from '../../sandbox.js';
import type { CompiledSource } from '../source/compiled-source.js';

/** A call, or a compilation, on its way through the threads. */
export class ScriptCall {
  readonly compiled: CompiledSource;
  /** Null is to compile only. */
  readonly scope: string | null;
  /** Who asked. */
  readonly asker: string;
  /** What the script is given is of the asker's making. */
  readonly isOwn: boolean;
  /** Since when it waits among the slow ones, by the monotonic clock. */
  slowSince = 0;
  /** Threads that failed while they had it. */
  failures = 0;
  /** It was ended once, and runs again only to tell the line. */
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

  /** About the bytes that it takes while it waits. */
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
