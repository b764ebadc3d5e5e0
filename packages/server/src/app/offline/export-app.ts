import { statSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { cascades } from '../../commands/write/cascade-entry.js';
import { ownerOnlyFile } from '../../platform/owner-only.js';
import type { Progress } from '../../platform/progress.js';
import { systemPlatform } from '../../platform/system.js';
import { systemCode } from '../../platform/system-reason.js';
import type { ExportReader } from '../../store/export-reader.js';
import { readExportProgress } from '../../transfer/export-progress.js';
import { type ExportCounts, type LineSink, StoreExport } from '../../transfer/export-store.js';
import type { Config } from '../config/config-definition.js';
import { StartError, systemReason } from '../start-error.js';
import { collectionFilter, type SelectedCollections } from './collection-filter.js';
import { asStartError, databaseOf, openOfflineReader } from './offline-database.js';
import { assertOther, draftOf, isThere, leftDrafts, putInPlace, targetOf } from './output-file.js';

export interface ExportAppOptions {
  /** Collections as given; empty: all of the app's. */
  readonly collections: readonly string[];
  readonly history: boolean;
  /** Whether to export the server's own collections too. */
  readonly system: boolean;
  readonly progress: Progress;
}

export interface FileOptions extends ExportAppOptions {
  readonly file: string;
  /** Continues an unfinished file, if there is one. */
  readonly resume: boolean;
  /** Replaces an existing file. */
  readonly force: boolean;
}

export interface ExportResult extends ExportCounts {
  /** Unfinished deletions that are not in the file, though what depends on the deleted objects is. */
  readonly unfinished: number;
}

/** Writes the data of an app as lines. Throws a `StartError` if it fails. */
export async function exportApp(
  config: Config,
  sink: LineSink,
  options: ExportAppOptions,
): Promise<ExportResult> {
  return await exporting(config, options, async (reader, collections) => {
    const filter = { ...options, only: collections?.keys };
    const work = new StoreExport(reader, sink, filter, options.progress);
    const counts = await work.begin(now(), collections?.shown);
    return { ...counts, unfinished: await unfinishedLeftOut(reader, options) };
  });
}

/**
 * As `exportApp`, into a file, which appears when it is complete or not at all; `undefined` if it was complete
 * already. An unfinished draft stays beside it, for `resume`.
 */
export async function exportAppToFile(
  config: Config,
  options: FileOptions,
): Promise<ExportResult | undefined> {
  const { file, resume, force } = options;
  assertOther(file, databaseOf(config));
  const target = targetOf(file);
  const there = isThere(target, file);
  if (there && !resume && !force) throw taken(file);
  return await exporting(config, options, async (reader, collections) => {
    const draft = await openDraft(target, { ...options, there });
    try {
      const counts = await writeFile(draft, reader, collections, options);
      await draft.handle.sync();
      if (draft.path !== target) await putInPlace(draft.path, target, resume || force);
      return counts && { ...counts, unfinished: await unfinishedLeftOut(reader, options) };
    } catch (error) {
      throw systemCode(error) === 'EEXIST' ? taken(file) : error;
    } finally {
      await draft.handle.close();
      await removeEmpty(draft.path, target);
    }
  });
}

async function unfinishedLeftOut(
  reader: ExportReader,
  { system, collections }: ExportAppOptions,
): Promise<number> {
  if (system || collections.length > 0) return 0;
  const sizes = await reader.collections();
  // Finished ones are erased.
  return sizes.find(({ names }) => names.join('/') === cascades)?.objects ?? 0;
}

/** A file being written. */
interface ExportDraft {
  readonly handle: FileHandle;
  readonly target: string;
  /** Its present name. */
  path: string;
}

/** Renames it for this process. */
async function claim(draft: ExportDraft): Promise<void> {
  const own = draftOf(draft.target);
  await rename(draft.path, own);
  draft.path = own;
}

/** The newest draft, or the file itself, if an export is to be resumed; otherwise a new draft. */
async function openDraft(
  target: string,
  { file, resume, there }: FileOptions & { readonly there: boolean },
): Promise<ExportDraft> {
  try {
    const left = leftDrafts(target);
    const begun = resume ? (left.at(-1) ?? (there ? target : undefined)) : undefined;
    for (const other of left) if (other !== begun) await rm(other, { force: true });
    const path = begun ?? draftOf(target);
    const handle = await open(path, begun === undefined ? 'wx+' : 'r+', ownerOnlyFile);
    // The umask, or the process that created it, may have set another mode.
    await handle.chmod(ownerOnlyFile);
    return { handle, path, target };
  } catch (error) {
    throw new StartError([`${file} cannot be written: ${systemReason(error)}`], error);
  }
}

/** An empty draft is not kept. */
async function removeEmpty(path: string, target: string): Promise<void> {
  if (path === target) return;
  if (statSync(path, { throwIfNoEntry: false })?.size === 0) await rm(path, { force: true });
}

const taken = (file: string): StartError =>
  new StartError([`${file} exists already: --resume continues it, --force replaces it`]);

async function writeFile(
  draft: ExportDraft,
  reader: ExportReader,
  collections: SelectedCollections | undefined,
  options: FileOptions,
): Promise<ExportCounts | undefined> {
  const { history, system, file, progress } = options;
  const { handle } = draft;
  const { keys: only, shown } = collections ?? {};
  const found = await readExportProgress(handle);
  const size = found.kind === 'begun' ? found.size : 0;
  const work = new StoreExport(reader, sinkOf(handle, size), { history, system, only }, progress);
  switch (found.kind) {
    case 'complete':
      return undefined;
    case 'other':
      throw new StartError([`${file} cannot be continued: ${found.why}`]);
    case 'nothing':
      await claim(draft);
      await handle.truncate(0);
      return await work.begin(now(), shown);
    case 'begun': {
      const { header } = found.progress;
      const given = JSON.stringify([history, system, shown ?? null]);
      const begun = JSON.stringify([header.history, header.system, header.collections ?? null]);
      if (given !== begun) {
        throw new StartError([
          `${file} was begun with other options: expected the same --history, --system and --collection`,
        ]);
      }
      if (header.position > (await reader.state()).position) {
        throw new StartError([`${file} was begun from other data, or from data that is older now`]);
      }
      await claim(draft);
      await handle.truncate(size);
      return await work.goOn(found.progress);
    }
    default:
      return found satisfies never;
  }
}

function sinkOf(handle: FileHandle, from: number): LineSink {
  let position = from;
  return {
    async write(text) {
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position);
        done += bytesWritten;
        position += bytesWritten;
      }
    },
  };
}

const now = () => new Date(systemPlatform.clock.now()).toISOString();

async function exporting<T>(
  config: Config,
  options: ExportAppOptions,
  work: (reader: ExportReader, collections: SelectedCollections | undefined) => Promise<T>,
): Promise<T> {
  const reader = openOfflineReader(config);
  try {
    return await work(reader, await collectionFilter(options.collections, reader));
  } catch (error) {
    throw asStartError(error, 'the export stopped');
  } finally {
    await reader.close();
  }
}
