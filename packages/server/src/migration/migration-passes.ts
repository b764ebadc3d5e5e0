import type { Model } from '../model/model.js';
import type { MigrationFailed } from './migration-failed.js';

/** How far a pass through a collection is. */
export interface PassProgress {
  /** Outdated objects that it has met so far. */
  readonly seen: number;
  /** Of these, those that could not be migrated. */
  readonly failed: number;
}

/** What a pass could not migrate. */
export interface MigrationFailures {
  readonly count: number;
  /** The first of them; a script that fails may fail for each of millions. */
  readonly listed: readonly MigrationFailed[];
}

/** One walk through all outdated objects of a collection. */
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

/** Walks through collections, one at a time for each model, whoever asks for it. */
export class MigrationPasses {
  readonly #runPass: RunPass;
  readonly #passes = new WeakMap<Model, Pass>();

  constructor(runPass: RunPass) {
    this.#runPass = runPass;
  }

  /** Whether a walk was made with this model. */
  isOver(model: Model): boolean {
    return this.#passes.get(model)?.isOver === true;
  }

  /** Resolves when a walk was made with this model. */
  settled(model: Model): Promise<void> {
    return (this.#passes.get(model) ?? this.#begin(model)).settled;
  }

  /** As `settled`, but walks again where that was before; tells how it goes. */
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
        // Whoever asks next begins again.
        if (this.#passes.get(model) === pass) this.#passes.delete(model);
      },
    );
    return pass;
  }
}
