import { defaultStoreConfig, type StoreConfig } from '../common-config.js';

export interface SqliteConfig extends StoreConfig {
  /**
   * The database file; its folder is created where missing. Beside it are `-wal`, `-shm` and
   * `.lock`.
   */
  readonly file: string;
  /** Threads that answer queries and counts. */
  readonly readers: number;
  /**
   * Maximum bytes of the file; beyond that, commits fail as on a full disk. 0: limited only by the
   * disk.
   */
  readonly maxSize: number;
  /**
   * Bytes of the write-ahead log beyond which queries are held back for a moment, so that it can
   * restart.
   */
  readonly logSize: number;
  /** Opens a database even if committed changes are missing (rule DUR9). */
  readonly force: boolean;
}

export const defaultSqliteConfig: Omit<SqliteConfig, 'file'> = {
  ...defaultStoreConfig,
  readers: 2,
  maxSize: 0,
  logSize: 64 * 1024 * 1024,
  force: false,
};
