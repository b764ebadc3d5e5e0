import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Progress } from '../platform/progress.js';
import { systemPlatform } from '../platform/system.js';
import type { StoreReader } from '../store/store-reader.js';
import { type ExportCounts, type LineSink, StoreExport } from '../transfer/export-store.js';
import { exportedSoFar } from '../transfer/exported-so-far.js';
import { type Chosen, chosenCollections } from './chosen-collections.js';
import type { Config } from './config.js';
import { asStartError, databaseOf, openReader } from './open-copies.js';
import { StartError, systemReason } from './start-error.js';
import { assertOther, ownersOnly, syncFolder } from './target-file.js';

export interface ExportOptions {
  /** Collections as they were given; none: all of the app's. */
  readonly collections: readonly string[];
  readonly history: boolean;
  /** Whether what the server keeps for itself is told too. */
  readonly system: boolean;
  readonly progress: Progress;
}

export interface FileOptions extends ExportOptions {
  readonly file: string;
  /** Goes on with the file, where it is there. */
  readonly resume: boolean;
  /** Replaces a file that is there. */
  readonly force: boolean;
}

/** Writes the data of an app as lines. Throws a `StartError` where it can not. */
export async function exportApp(
  config: Config,
  sink: LineSink,
  options: ExportOptions,
): Promise<ExportCounts> {
  return await exporting(config, options, async (reader, collections) => {
    const only = collections?.map(({ key }) => key);
    const work = new StoreExport(reader, sink, { ...options, only }, options.progress);
    return await work.begin(
      now(),
      collections?.map(({ shown }) => shown),
    );
  });
}

/** As `exportApp`, into a file; `undefined` where it was complete already. */
export async function exportAppToFile(
  config: Config,
  options: FileOptions,
): Promise<ExportCounts | undefined> {
  const { file } = options;
  assertOther(file, databaseOf(config));
  return await exporting(config, options, async (reader, collections) => {
    const handle = await openTarget(options);
    try {
      const counts = await writeFile(handle, reader, collections, options);
      await handle.sync();
      await syncFolder(dirname(file));
      return counts;
    } finally {
      await handle.close();
    }
  });
}

async function openTarget({ file, resume, force }: FileOptions): Promise<FileHandle> {
  // What is there is looked at before it is written over.
  const flags = resume ? 'a+' : force ? 'w+' : 'wx+';
  try {
    const made = await open(file, flags, ownersOnly);
    if (flags !== 'a+') return made;
    await made.close();
    return await open(file, 'r+');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new StartError([
        `${file} is there already: --resume goes on with it, --force replaces it`,
      ]);
    }
    throw new StartError([`${file} can not be written: ${systemReason(error)}`], error);
  }
}

async function writeFile(
  handle: FileHandle,
  reader: StoreReader,
  collections: readonly Chosen[] | undefined,
  options: FileOptions,
): Promise<ExportCounts | undefined> {
  const { history, system, file, progress } = options;
  const only = collections?.map(({ key }) => key);
  const shown = collections?.map((one) => one.shown);
  const found = await exportedSoFar(handle);
  const size = found.kind === 'begun' ? found.size : 0;
  const work = new StoreExport(reader, sinkOf(handle, size), { history, system, only }, progress);
  switch (found.kind) {
    case 'complete':
      return undefined;
    case 'other':
      throw new StartError([`${file} can not be gone on with: ${found.why}`]);
    case 'nothing':
      await handle.truncate(0);
      return await work.begin(now(), shown);
    case 'begun': {
      const { header } = found.soFar;
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
      await handle.truncate(size);
      return await work.goOn(found.soFar);
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
  options: ExportOptions,
  work: (reader: StoreReader, collections: readonly Chosen[] | undefined) => Promise<T>,
): Promise<T> {
  const reader = openReader(config);
  try {
    return await work(reader, await chosenCollections(options.collections, reader));
  } catch (error) {
    throw asStartError(error, 'the export stopped');
  } finally {
    await reader.close();
  }
}
