import type { ScriptCaller } from '../../sandbox.js';
import type { CompiledSource } from '../source/compiled-source.js';
import type { RunTerms } from './messages.js';

/** The owner of a call, and the run that it belongs to. */
export type RunCaller = ScriptCaller & { readonly run?: RunTerms };

/** A call, or a compilation, on its way through the threads. */
export class ScriptCall {
  readonly compiled: CompiledSource;
  /** Null: compile only. */
  readonly scope: string | null;
  readonly owner: string;
  /** Whether the script's arguments come from the owner. */
  readonly isOwn: boolean;
  readonly run: RunTerms | undefined;
  /** When it began to wait in quarantine, by the monotonic clock. */
  slowSince = 0;
  /** Number of threads that failed while they had it. */
  failures = 0;
  /** It was ended once, and runs again only to find the line. */
  again = false;
  readonly #take: (answer: string) => void;
  #settled = false;

  /** `take` is given the answer, once, as `result-codec.ts` spells it. */
  constructor(
    compiled: CompiledSource,
    scope: string | null,
    { owner, isOwn, run }: RunCaller,
    take: (answer: string) => void,
  ) {
    this.run = run;
    this.compiled = compiled;
    this.scope = scope;
    this.owner = owner;
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
