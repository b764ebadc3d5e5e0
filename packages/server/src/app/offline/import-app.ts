import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { silentLog } from '../../platform/log.js';
import { noMetrics } from '../../platform/metrics.js';
import { ownerOnlyFile } from '../../platform/owner-only.js';
import type { Progress } from '../../platform/progress.js';
import { systemPlatform } from '../../platform/system.js';
import { ImportRefused, type OnConflict, planImport } from '../../transfer/import-plan.js';
import { type Imported, StoreImport } from '../../transfer/import-store.js';
import type { Config } from '../config/config-definition.js';
import { openModels } from '../serve/open-models.js';
import { openStore } from '../serve/open-store.js';
import { StartError, systemReason } from '../start-error.js';
import { asStartError, databaseOf } from './offline-database.js';

export interface ImportOptions {
  /** A path, or stdin. */
  readonly source: string | Readable;
  readonly onConflict: OnConflict;
  readonly progress: Progress;
}

/**
 * Imports a file of lines into an app whose server does not run. Before anything is written, throws a `StartError`
 * with all problems of the file.
 */
export async function importApp(config: Config, options: ImportOptions): Promise<Imported> {
  databaseOf(config);
  const { models, close } = await openModels(config, silentLog);
  try {
    const store = await openStore(config, models, { log: silentLog, metrics: noMetrics });
    try {
      const file = await openSource(config, options.source);
      try {
        const { onConflict, progress } = options;
        const work = { models, store, onConflict, progress };
        const plan = await planImport(file, work);
        return await new StoreImport(plan, work, systemPlatform.clock.now()).run(file);
      } finally {
        await file.close();
      }
    } finally {
      await store.close();
    }
  } catch (error) {
    if (error instanceof ImportRefused) throw new StartError(error.problems, error);
    throw asStartError(error, 'the import stopped; run it again to continue');
  } finally {
    await close();
  }
}

async function openSource(config: Config, source: string | Readable): Promise<FileHandle> {
  if (typeof source !== 'string') return await spooled(config, source);
  try {
    const file = await open(source, 'r');
    const stat = await file.stat();
    if (stat.isFile()) return file;
    await file.close();
    if (stat.isDirectory()) throw new StartError([`${source} is a folder; expected a file`]);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError([`${source} cannot be read: ${systemReason(error)}`], error);
  }
  // A pipe can be read once, and the file is read twice.
  return await spooled(config, createReadStream(source));
}

/** Copies it into the data folder, which needs room for the data anyway, as a private file. */
async function spooled(config: Config, source: Readable): Promise<FileHandle> {
  const path = join(config.values.data, `import.${process.pid}.part`);
  const file = await open(path, 'wx+', ownerOnlyFile);
  try {
    await rm(path);
    await file.chmod(ownerOnlyFile);
    await pipeline(source, async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) await file.appendFile(chunk);
    });
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
