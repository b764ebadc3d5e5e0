import { defaultStoreConfig, type StoreConfig } from '../common-config.js';

export interface SqliteConfig extends StoreConfig {
  /** The database file; its folder is made where it is missing. Beside it stand `-wal`, `-shm` and `.lock`. */
  readonly file: string;
  /** Threads that answer queries and counts. */
  readonly readers: number;
  /** Bytes that the file may have; beyond, commits fail as on a full disk. 0: no bound but the disk. */
  readonly maxSize: number;
  /** Bytes of the write-ahead log beyond which queries are held back for a moment, so that it can start again. */
  readonly logSize: number;
  /** Whether a database is opened that lacks changes which were committed (rule DUR9). */
  readonly force: boolean;
}

export const defaultSqliteConfig: Omit<SqliteConfig, 'file'> = {
  ...defaultStoreConfig,
  readers: 2,
  maxSize: 0,
  logSize: 64 * 1024 * 1024,
  force: false,
};
