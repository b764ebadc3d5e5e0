import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../platform/log.js';
import { storeContract } from '../store.contract.js';
import { openSqliteExportReader } from './export-reader.js';
import { openSqliteStore } from './store.js';

storeContract('SQLite', async (config, platform) => {
  const folder = mkdtempSync(join(tmpdir(), 'really-store-'));
  const file = join(folder, 'really.db');
  const store = await openSqliteStore({ ...config, file, readers: 1 }, platform, silentLog);
  const reader = openSqliteExportReader(file);
  const close = async () => {
    await reader.close();
    await store.close();
    rmSync(folder, { recursive: true });
  };
  return { store, reader, close };
});
