import type { FileHandle } from 'node:fs/promises';
import { deepEqual } from '@really/protocol';
import type { ModelSet } from '../model/model.js';
import type { Progress } from '../platform/progress.js';
import type { Store } from '../store/store.js';
import type { StoredObject } from '../store/stored-object.js';
import { fitModel } from './fit-model.js';
import { type ExportPart, readExport } from './read-export.js';

/** What to do with an existing object whose content differs. */
export type OnConflict = 'refuse' | 'skip' | 'replace';

/** Problems that are reported before reading stops. */
const mostProblems = 20;
/** Objects looked up at once. */
const lookups = 500;

export interface ImportPlan {
  /** Number of lines of objects. */
  readonly objects: number;
  /** As `Store.latestChangeTime` of the store that the file is from. */
  readonly newest: number;
  /** Objects with several lines, and the number of the line that counts. */
  readonly duplicates: ReadonlyMap<string, number>;
  /** A hand-written file is checked for mistakes. Objects from a store are imported as they are. */
  readonly handWritten: boolean;
}

/**
 * The file cannot be imported, and nothing of it was. One line per problem, with the line of the
 * file.
 */
export class ImportRefused extends Error {
  override readonly name = 'ImportRefused';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

export interface PlanOptions {
  readonly models: ModelSet;
  readonly store: Store;
  readonly onConflict: OnConflict;
  readonly progress: Progress;
}

/**
 * Reads the whole file before anything is written, so that a problem does not leave half an import.
 * Throws `ImportRefused` with the first problems.
 */
export async function planImport(file: FileHandle, options: PlanOptions): Promise<ImportPlan> {
  const { size } = await file.stat();
  options.progress.begin({ doing: 'checking', unit: 'bytes', total: size });
  try {
    const planning = new Planning(options);
    let read = 0;
    for await (const part of readExport(file)) {
      await planning.take(part);
      options.progress.advance(part.upTo - read);
      read = part.upTo;
      if (planning.isFull) break;
    }
    return await planning.finish();
  } finally {
    options.progress.end();
  }
}

class Planning {
  readonly #options: PlanOptions;
  readonly #problems: string[] = [];
  readonly #plan = {
    objects: 0,
    newest: 0,
    duplicates: new Map<string, number>(),
    handWritten: true,
  };
  /** Existing objects whose content differs, except those that a later line replaces. */
  readonly #conflicts = new Map<string, string>();
  #unseen: { readonly object: StoredObject; readonly line: number }[] = [];

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#problems.length >= mostProblems;
  }

  async take(part: ExportPart): Promise<void> {
    switch (part.kind) {
      case 'header':
        this.#plan.handWritten = part.handWritten;
        this.#plan.newest = Math.max(this.#plan.newest, part.header.newest);
        return;
      case 'end':
        this.#plan.newest = Math.max(this.#plan.newest, part.end.newest);
        return;
      case 'problem':
        this.#problems.push(`line ${part.line}: ${part.problem}`);
        return;
      case 'object':
        return await this.#object(part);
      default:
        return part satisfies never;
    }
  }

  async finish(): Promise<ImportPlan> {
    await this.#lookUp();
    const others = this.isFull
      ? []
      : [...this.#conflicts].filter(([r]) => !this.#plan.duplicates.has(r));
    const problems = [...this.#problems, ...others.map(([, problem]) => problem)];
    const reported = problems.slice(0, mostProblems);
    if (problems.length > reported.length || this.isFull) reported.push('and there may be more');
    if (problems.length > 0) throw new ImportRefused(reported);
    return this.#plan;
  }

  async #object({ kept, duplicate, line }: Extract<ExportPart, { kind: 'object' }>): Promise<void> {
    this.#plan.objects += 1;
    const { r } = kept.object;
    if (duplicate) this.#plan.duplicates.set(r, line);
    const object = this.#plan.handWritten ? await this.#fitted(kept.object, line) : kept.object;
    if (object === undefined) return;
    if (this.#options.onConflict !== 'refuse' || this.#conflicts.size >= lookups) return;
    this.#unseen.push({ object, line });
    if (this.#unseen.length >= lookups) await this.#lookUp();
  }

  async #fitted(object: StoredObject, line: number): Promise<StoredObject | undefined> {
    const fitted = await fitModel(this.#options.models, object);
    if (fitted.kind === 'fits') return fitted.object;
    for (const problem of fitted.problems) {
      this.#problems.push(`line ${line}: ${object.r}: ${problem}`);
    }
    return undefined;
  }

  async #lookUp(): Promise<void> {
    const unseen = this.#unseen;
    this.#unseen = [];
    const there = await this.#options.store.getMany(unseen.map(({ object: { r } }) => r));
    for (const [index, { object, line }] of unseen.entries()) {
      const stored = there[index];
      if (stored === undefined || isSame(stored, object)) this.#conflicts.delete(object.r);
      else this.#conflicts.set(object.r, `line ${line}: ${otherContent(object, stored)}`);
    }
  }
}

export function isSame(a: StoredObject, b: StoredObject): boolean {
  const alike = a.rev === b.rev && a.deleted === b.deleted && a.modelVersion === b.modelVersion;
  return alike && deepEqual({ ...a.touched }, { ...b.touched }) && deepEqual(a.data, b.data);
}

export function otherContent({ r, rev }: StoredObject, stored: StoredObject): string {
  const which = stored.rev === rev ? 'other content' : `revision ${stored.rev}, not ${rev}`;
  return `${r} is there already with ${which}; expected --skip-existing or --replace to say which one stays`;
}
