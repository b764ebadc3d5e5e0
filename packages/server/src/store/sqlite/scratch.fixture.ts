import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { silentLog } from '../../platform/log.js';
import { type Metrics, noMetrics } from '../../platform/metrics.js';
import type { Platform } from '../../platform/platform.js';
import { systemPlatform } from '../../platform/system.js';
import type { Store } from '../store.js';
import type { SqliteConfig } from './config.js';
import { openSqliteStore } from './store.js';

/** Folders and stores of a test, removed with it. */
export class Scratch {
  readonly #closing: (() => Promise<void> | void)[] = [];

  /** For the tests of the enclosing suite. */
  static each(): Scratch {
    const scratch = new Scratch();
    afterEach(async () => {
      for (const close of scratch.#closing.splice(0).reverse()) await close();
    });
    return scratch;
  }

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'really-sqlite-'));
    this.#closing.push(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  /** The path of a file that does not exist yet. */
  file(): string {
    return join(this.folder(), 'really.db');
  }

  async open(
    config: Partial<SqliteConfig> & Pick<SqliteConfig, 'file'>,
    platform: Platform = systemPlatform,
    metrics: Metrics = noMetrics,
  ): Promise<Store> {
    const store = await openSqliteStore({ readers: 1, ...config }, platform, silentLog, metrics);
    this.#closing.push(() => store.close());
    return store;
  }

  /** Calls this when the test ends. */
  defer(close: () => Promise<void> | void): void {
    this.#closing.push(close);
  }
}
