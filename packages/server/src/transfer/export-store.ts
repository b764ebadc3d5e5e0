import { isSystemName, namesOf } from '@really/protocol';
import type { Progress } from '../platform/progress.js';
import type { CollectionSize, ExportReader } from '../store/export-reader.js';
import type { ObjectWithHistory, Pos } from '../store/stored-object.js';
import { type ExportEnd, type ExportHeader, formatVersion, lineOf, objectLines } from './format.js';

/** Objects read at once, and changes read at once. */
const sliceLimit = 500;
const alteredLimit = 200;

/** Receives lines. Resolves when it can take more. */
export interface LineSink {
  write(text: string): Promise<void>;
}

export interface StoreExportOptions {
  readonly history: boolean;
  readonly system: boolean;
  /** Keys of collections, `users/posts`; all if missing. */
  readonly only?: readonly string[] | undefined;
}

/** How far a resumed export got. */
export interface ExportProgress extends ExportCounts {
  readonly header: ExportHeader;
  /** The last object of the first part. */
  readonly last?: string | undefined;
  /** The position reached in the second part. */
  readonly since?: Pos | undefined;
}

export interface ExportCounts {
  readonly objects: number;
  readonly changes: number;
}

/**
 * Writes all of a store as lines, in two parts. First every object by collection and id, in slices,
 * so that no snapshot of the store is held while others write. Then, repeatedly, what was written
 * since the export began or since the last round, until there is nothing: in the end, the last
 * lines of all objects are the store at one position.
 */
export class StoreExport {
  readonly #reader: ExportReader;
  readonly #sink: LineSink;
  readonly #options: StoreExportOptions;
  readonly #progress: Progress;
  #counts = { objects: 0, changes: 0 };

  constructor(
    reader: ExportReader,
    sink: LineSink,
    options: StoreExportOptions,
    progress: Progress,
  ) {
    this.#reader = reader;
    this.#sink = sink;
    this.#options = options;
    this.#progress = progress;
  }

  /** `now`: ISO 8601. */
  async begin(now: string, collections?: readonly string[]): Promise<ExportCounts> {
    const { position, newest } = await this.#reader.state();
    const { history, system } = this.#options;
    const about = {
      really: 'export',
      version: formatVersion,
      time: now,
      position,
      newest,
    } as const;
    const header: ExportHeader = { ...about, history, system, ...(collections && { collections }) };
    await this.#sink.write(lineOf(header));
    return await this.goOn({ header, objects: 0, changes: 0 });
  }

  async goOn({ header, last, since, ...counts }: ExportProgress): Promise<ExportCounts> {
    this.#counts = counts;
    try {
      if (since === undefined) await this.#everything(last);
      await this.#catchUp(since ?? header.position);
    } finally {
      this.#progress.end();
    }
    return this.#counts;
  }

  async #everything(last: string | undefined): Promise<void> {
    const chosen = (await this.#reader.collections()).filter(({ names }) => this.#isWanted(names));
    const total = chosen.reduce((sum, { objects }) => sum + objects, 0);
    const { objects: done } = this.#counts;
    this.#progress.begin({ doing: 'exporting', unit: 'objects', total, done });
    const begun = last === undefined ? undefined : namesOf(last).join('/');
    for (const { names } of chosen) {
      const key = names.join('/');
      if (begun !== undefined && key < begun) continue;
      await this.#collection(names, key === begun ? last : undefined);
    }
  }

  async #collection(names: CollectionSize['names'], last?: string): Promise<void> {
    const { history } = this.#options;
    let after = last;
    for (let more = true; more; ) {
      const slice = await this.#reader.slice({ names, after, limit: sliceLimit, history });
      await this.#write(slice.entries);
      after = slice.entries.at(-1)?.object.r;
      more = slice.more && after !== undefined;
    }
  }

  async #catchUp(since: Pos): Promise<void> {
    const { history } = this.#options;
    let after = since;
    for (let more = true; more; ) {
      const altered = await this.#reader.altered(after, alteredLimit, history);
      const lost = altered.lost.filter((names) => this.#isWanted(names));
      const entries = altered.entries.filter(({ object: { r } }) => this.#isWanted(namesOf(r)));
      if (lost.length + entries.length > 0) await this.#sink.write(lineOf({ since: after }));
      for (const names of lost) await this.#collection(names);
      await this.#write(entries);
      after = altered.through;
      more = altered.more || lost.length > 0;
    }
    const { newest } = await this.#reader.state();
    const end: ExportEnd = { position: after, newest, ...this.#counts };
    await this.#sink.write(lineOf({ end }));
  }

  async #write(entries: readonly ObjectWithHistory[]): Promise<void> {
    if (entries.length === 0) return;
    this.#counts.objects += entries.length;
    for (const { history } of entries) this.#counts.changes += history.length;
    await this.#sink.write(entries.map(objectLines).join(''));
    this.#progress.advance(entries.length);
  }

  #isWanted(names: readonly string[]): boolean {
    const { only, system } = this.#options;
    if (only) return only.includes(names.join('/'));
    return system || !isSystemName(names[0] ?? '');
  }
}
