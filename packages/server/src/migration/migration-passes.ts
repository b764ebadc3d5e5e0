import type { Model } from '../model/model.js';
import type { MigrationFailed } from './migration-failed.js';

/** The progress of a pass over a collection. */
export interface PassProgress {
  /** Outdated objects processed so far. */
  readonly seen: number;
  /** Those that could not be migrated. */
  readonly failed: number;
}

/** The objects that a pass could not migrate. */
export interface MigrationFailures {
  readonly count: number;
  /** The first ones; a broken script may fail for millions. */
  readonly listed: readonly MigrationFailed[];
}

/** Migrates all outdated objects of a collection. */
type RunPass = (
  model: Model,
  onProgress: (progress: PassProgress) => void,
) => Promise<MigrationFailures>;

interface Pass {
  readonly result: Promise<MigrationFailures>;
  readonly settled: Promise<void>;
  readonly listeners: Set<(progress: PassProgress) => void>;
  isOver: boolean;
}

/** Runs at most one pass per model at a time, shared by all callers. */
export class MigrationPasses {
  readonly #runPass: RunPass;
  readonly #passes = new WeakMap<Model, Pass>();

  constructor(runPass: RunPass) {
    this.#runPass = runPass;
  }

  /** Whether a pass with this model has succeeded. */
  isOver(model: Model): boolean {
    return this.#passes.get(model)?.isOver === true;
  }

  /** Resolves when a pass with this model has succeeded; starts one if needed. */
  settled(model: Model): Promise<void> {
    return (this.#passes.get(model) ?? this.#begin(model)).settled;
  }

  /** As `settled`, but starts a new pass if the last one is over, and reports progress. */
  async watch(
    model: Model,
    onProgress: (progress: PassProgress) => void,
  ): Promise<MigrationFailures> {
    const known = this.#passes.get(model);
    const pass = known && !known.isOver ? known : this.#begin(model);
    pass.listeners.add(onProgress);
    try {
      return await pass.result;
    } finally {
      pass.listeners.delete(onProgress);
    }
  }

  #begin(model: Model): Pass {
    const listeners: Pass['listeners'] = new Set();
    const result = this.#runPass(model, (progress) => {
      for (const onProgress of listeners) onProgress(progress);
    });
    const settled = result.then(() => {});
    const pass: Pass = { result, settled, listeners, isOver: false };
    this.#passes.set(model, pass);
    settled.then(
      () => {
        pass.isOver = true;
      },
      () => {
        // The next caller starts a new pass.
        if (this.#passes.get(model) === pass) this.#passes.delete(model);
      },
    );
    return pass;
  }
}
