import type { Program } from '../engine/programs.js';
import type { VmLimits } from '../engine/vm.js';

export interface WorkerStart {
  readonly wasm: WebAssembly.Module;
  readonly limits: VmLimits;
  /** See `shared-progress.ts`. */
  readonly progress: SharedArrayBuffer;
}

/** Calls that are sent together. One batch at a time: the next is sent when the last is done. */
export interface CallBatch {
  /** The time for these calls, in milliseconds since the Unix epoch. */
  readonly now: number;
  /** Programs that this thread has not seen yet. */
  readonly programs: readonly Program[];
  /** For each call: the key of its program, and its scope; null: compile only. */
  readonly keys: readonly number[];
  readonly scopes: readonly (string | null)[];
  readonly runs: readonly (RunTerms | undefined)[];
}

/** What is fixed for a call because its script is executed more than once in a run. Its scope begins with a state. */
export interface RunTerms {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** See `seededRandom`. */
  readonly seed: readonly number[];
  /** Lines that the run printed before. */
  readonly prints: number;
  /** Milliseconds beyond the limit, for reading the answers. */
  readonly moreTime: number;
}

export type FromWorker =
  | {
      readonly kind: 'ready';
      /** See `cpu-time.ts`. */
      readonly name: string | undefined;
    }
  | { readonly kind: 'print'; readonly index: number; readonly text: string }
  | {
      readonly kind: 'answers';
      /** The index of the first in the batch; the others follow. */
      readonly from: number;
      readonly answers: readonly string[];
      /** Milliseconds that each took. */
      readonly took: readonly number[];
      readonly done: boolean;
      /** The most memory that any call came to use so far, in bytes. */
      readonly used: number;
    };
