import type { FileHandle } from 'node:fs/promises';
import { namesOf } from '@really/protocol';
import { systemActor } from '../objects/system-records.js';
import { quantity } from '../platform/quantity.js';
import type { Change, ObjectWithHistory, StoredObject } from '../store/stored-object.js';
import type { RestoredObject } from '../store/write-group.js';
import { fitModel, misfitsOf } from './fit-model.js';
import {
  type ImportPlan,
  ImportRefused,
  isSame,
  otherContent,
  type PlanOptions,
} from './import-plan.js';
import { MissingReferences, targetsOf } from './missing-references.js';
import { type ExportPart, readExport } from './read-export.js';

/** Objects of one commit: each batch is on disk before the next begins. */
const batchObjects = 500;
const batchBytes = 4 * 1024 * 1024;
/**
 * Maximum bytes, in lines of the file, of the batches deferred to its end: they are one commit, and
 * wait in memory.
 */
const mostDeferred = 256 * 1024 * 1024;
/** Maximum number of objects named that the models would refuse. */
const mostNamed = 10;

export interface Imported {
  readonly written: number;
  /** Existed already with the same content. */
  readonly same: number;
  /** Existed with other content, which stays. */
  readonly skipped: number;
  readonly replaced: number;
  /** A line for each missing object that something refers to; only the first ones. */
  readonly missing: readonly string[];
  readonly missingCount: number;
  /**
   * A line for each problem of the first objects that the models would refuse, which were imported
   * as they are.
   */
  readonly unfit: readonly string[];
  readonly unfitCount: number;
}

interface PreparedObject extends ObjectWithHistory {
  readonly line: number;
  readonly misfits: readonly string[];
}

/**
 * Writes the file of a plan, batch by batch. Leaves existing objects with the same content alone:
 * an import stopped at any moment continues when it is run again.
 */
export class StoreImport {
  readonly #options: PlanOptions;
  readonly #plan: ImportPlan;
  readonly #now: number;
  readonly #missing: MissingReferences;
  /** By R. */
  #batch = new Map<string, PreparedObject>();
  #bytes = 0;
  /**
   * Batches with a unique value of an existing object that is replaced later, or that is not in the
   * file.
   */
  #deferred: PreparedObject[] = [];
  #deferredBytes = 0;
  #counts = { written: 0, same: 0, skipped: 0, replaced: 0, unfitCount: 0 };
  readonly #unfit: string[] = [];

  /** `now`: milliseconds since the epoch. */
  constructor(plan: ImportPlan, options: PlanOptions, now: number) {
    this.#plan = plan;
    this.#options = options;
    this.#now = now;
    this.#missing = new MissingReferences(options.store);
  }

  /** Throws `ImportRefused` where an object is refused: earlier batches stay. */
  async run(file: FileHandle): Promise<Imported> {
    const { progress, store } = this.#options;
    const { objects, newest } = this.#plan;
    progress.begin({ doing: 'importing', unit: 'objects', total: objects });
    try {
      let read = 0;
      for await (const part of readExport(file)) {
        await this.#take(part, part.upTo - read);
        read = part.upTo;
      }
      await this.#flush();
      await this.#write(this.#deferred);
      await store.restore([], newest);
      return { ...this.#counts, ...(await this.#missing.report()), unfit: this.#unfit };
    } finally {
      progress.end();
    }
  }

  async #take(part: ExportPart, bytes: number): Promise<void> {
    if (part.kind === 'problem') {
      throw this.#refused([`line ${part.line}: ${part.problem} (the file has changed meanwhile)`]);
    }
    if (part.kind !== 'object') return;
    this.#options.progress.advance(1);
    const { line, kept } = part;
    const { object, history } = kept;
    const counts = this.#plan.duplicates.get(object.r);
    if (counts !== undefined && counts !== line) return;
    // A second line for an object is compared with the result of the first.
    if (this.#batch.has(object.r)) await this.#flush();
    this.#batch.set(object.r, { ...(await this.#prepared(object, line)), history, line });
    this.#bytes += bytes;
    if (this.#batch.size >= batchObjects || this.#bytes >= batchBytes) await this.#flush();
  }

  /** A hand-written object as the model stores it; another as it is, with what the model would refuse. */
  async #prepared(
    object: StoredObject,
    line: number,
  ): Promise<Pick<PreparedObject, 'object' | 'misfits'>> {
    const { models } = this.#options;
    const inLine = (problem: string) => `line ${line}: ${object.r}: ${problem}`;
    if (!this.#plan.handWritten) {
      const misfits = await misfitsOf(models, object);
      return { object, misfits: misfits.map(inLine) };
    }
    const fitted = await fitModel(models, object);
    if (fitted.kind === 'unfit') throw this.#refused(fitted.problems.map(inLine));
    return { object: fitted.object, misfits: [] };
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    const bytes = this.#bytes;
    this.#batch = new Map();
    this.#bytes = 0;
    const stored = await this.#options.store.getMany([...batch.keys()]);
    const writing = [...batch.values()].filter((given, index) =>
      this.#isWanted(given, stored[index]),
    );
    await this.#write(writing, bytes);
  }

  /**
   * Writes all of them or none. With `bytes`, their size, a clash with an existing object is
   * deferred until the rest of the file is written, which may replace that object: unique values
   * are checked at the end.
   */
  async #write(writing: readonly PreparedObject[], bytes?: number): Promise<void> {
    const entries = writing.map((given) => this.#restored(given));
    const outcome = await this.#options.store.restore(entries, 0);
    if (outcome.kind === 'refused') {
      const { index, refusal } = outcome;
      const mayWait = refusal.kind === 'unique' && this.#options.onConflict === 'replace';
      if (mayWait && bytes !== undefined) return this.#defer(writing, bytes);
      const { line, object } = writing[index] ?? { line: 0, object: undefined };
      const why = refusal.kind === 'unique' ? notUnique(refusal.fields) : 'it is there already';
      throw this.#refused([`line ${line}: ${object?.r}: ${why}`]);
    }
    this.#counts.written += writing.length;
    for (const { object } of writing) {
      const model = this.#options.models.get(namesOf(object.r));
      this.#missing.add(object.r, targetsOf(object, model));
    }
    await this.#missing.check();
  }

  #defer(writing: readonly PreparedObject[], bytes: number): void {
    this.#deferredBytes += bytes;
    if (this.#deferredBytes > mostDeferred) {
      const { line = 0 } = writing[0] ?? {};
      const bound = `${mostDeferred / 1024 / 1024} MiB`;
      throw this.#refused([
        `line ${line}: values of unique fields move among too many objects; expected at most ${bound} of lines that have to be written together`,
      ]);
    }
    this.#deferred.push(...writing);
  }

  /** Whether it has to be written, given the existing object. */
  #isWanted({ object, line, misfits }: PreparedObject, stored: StoredObject | undefined): boolean {
    const isThere = stored !== undefined && isSame(stored, object);
    if (isThere) this.#counts.same += 1;
    else if (stored !== undefined) {
      const { onConflict } = this.#options;
      if (onConflict === 'refuse') {
        throw this.#refused([`line ${line}: ${otherContent(object, stored)}`]);
      }
      if (onConflict === 'skip') {
        this.#counts.skipped += 1;
        return false;
      }
      this.#counts.replaced += 1;
    }
    this.#noteUnfit(misfits);
    return !isThere;
  }

  #noteUnfit(misfits: readonly string[]): void {
    if (misfits.length === 0) return;
    this.#counts.unfitCount += 1;
    if (this.#counts.unfitCount <= mostNamed) this.#unfit.push(...misfits);
  }

  #restored({ object, history }: PreparedObject): RestoredObject {
    const replaces = this.#options.onConflict === 'replace';
    return { object, history: withCreation(object, history, this.#now), replaces };
  }

  #refused(problems: readonly string[]): ImportRefused {
    const { written } = this.#counts;
    const before =
      written === 0
        ? 'nothing was imported'
        : written === 1
          ? 'the object before it was imported and stays'
          : `${quantity(written, 'object')} before it were imported and stay`;
    return new ImportRefused([
      ...problems,
      `${before}; repeat the call to continue once that is fixed`,
    ]);
  }
}

function notUnique(fields: readonly string[]): string {
  const where = fields.map((field) => `data.${field}`).join(' and ');
  const what = fields.length === 1 ? 'a value' : 'values';
  return `${where}: expected ${what} that no other object has (value.not.unique)`;
}

/**
 * Adds the creation that a store requires: positions stay valid only where every living object has
 * one. Its author and time are not known.
 */
function withCreation(
  object: StoredObject,
  history: readonly Change[],
  now: number,
): readonly Change[] {
  const { r, rev, deleted, modelVersion } = object;
  if (deleted || history[0]?.type === 'create') return history;
  const creation: Change = {
    ...{ r, rev: 1, type: 'create', modelVersion, at: now, by: systemActor },
    ...{ delta: {}, touched: {}, created: rev === 1 ? object.data : {} },
  };
  return [creation, ...history];
}
