import type { Program } from '../engine/programs.js';
import type { VmLimits } from '../engine/vm.js';

/** What a worker thread is started with. */
export interface WorkerStart {
  readonly wasm: WebAssembly.Module;
  readonly limits: VmLimits;
  /** See `gate.ts`. */
  readonly progress: SharedArrayBuffer;
}

/** Calls that travel together. One batch at a time: the next is sent when the last is done. */
export interface CallBatch {
  /** What the clock shows to these calls, milliseconds since the Unix epoch. */
  readonly now: number;
  /** Programs that this thread has not seen yet. */
  readonly programs: readonly Program[];
  /** Of each call: the key of its program, and its scope; null is to compile only. */
  readonly keys: readonly number[];
  readonly scopes: readonly (string | null)[];
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
      /** No more of this batch comes. */
      readonly done: boolean;
      /** The most memory that any call came to use so far, in bytes. */
      readonly used: number;
    };
