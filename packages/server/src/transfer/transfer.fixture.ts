import { mkdtempSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSet } from '../model/model.js';
import { silentLog } from '../platform/log.js';
import { noProgress } from '../platform/progress.js';
import { simulatedPlatform } from '../platform/simulated.js';
import type { ExportReader } from '../store/export-reader.js';
import { openMemoryStore } from '../store/memory/store.js';
import { openSqliteExportReader } from '../store/sqlite/export-reader.js';
import { openSqliteStore } from '../store/sqlite/store.js';
import type { Store } from '../store/store.js';
import { StoreExport, type StoreExportOptions } from './export-store.js';
import { type OnConflict, planImport } from './import-plan.js';
import { type Imported, StoreImport } from './import-store.js';

export const testNow = Date.UTC(2026, 0, 29);
export const everything: StoreExportOptions = { history: true, system: true };

export interface Opened {
  readonly store: Store;
  readonly reader: ExportReader;
  close(): Promise<void>;
}

export async function openMemory(): Promise<Opened> {
  const store = openMemoryStore({ history: 1_000_000 }, simulatedPlatform({ seed: 1 }));
  return { store, reader: store, close: () => store.close() };
}

export async function openSqlite(): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'really-transfer-'));
  const file = join(folder, 'really.db');
  const config = { file, history: 1_000_000, readers: 1 };
  const store = await openSqliteStore(config, simulatedPlatform({ seed: 1 }), silentLog);
  const reader = openSqliteExportReader(file);
  const close = async () => {
    await reader.close();
    await store.close();
    rmSync(folder, { recursive: true });
  };
  return { store, reader, close };
}

/** The text of an export. */
export async function exported(
  reader: ExportReader,
  options: StoreExportOptions = everything,
): Promise<string> {
  let text = '';
  const sink = {
    async write(more: string) {
      text += more;
    },
  };
  await new StoreExport(reader, sink, options, noProgress).begin('2026-01-29T00:00:00.000Z');
  return text;
}

/** Runs `work` on a file with this text, which is removed afterwards. */
export async function withFile<T>(
  text: string | Buffer,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'really-transfer-'));
  const file = await open(join(folder, 'data.ndjson'), 'w+');
  try {
    await file.writeFile(text);
    return await work(file);
  } finally {
    await file.close();
    rmSync(folder, { recursive: true });
  }
}

/** Rejects with `ImportRefused`. */
export async function imported(
  store: Store,
  models: ModelSet,
  text: string | Buffer,
  onConflict: OnConflict = 'refuse',
): Promise<Imported> {
  const options = { models, store, onConflict, progress: noProgress };
  return await withFile(text, async (file) => {
    const plan = await planImport(file, options);
    return await new StoreImport(plan, options, testNow).run(file);
  });
}

/** The lines between the first and the last, which an import preserves. */
export function contentOf(text: string): string[] {
  return text.split('\n').slice(1, -2);
}

/** A hand-written file. */
export function file(...lines: readonly (object | string)[]): string {
  const all = [{ really: 'export', version: 1 }, ...lines, { end: {} }];
  return all.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');
}
