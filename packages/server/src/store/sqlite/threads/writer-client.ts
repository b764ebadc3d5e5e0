import type { Log } from '../../../platform/log.js';
import type { Platform } from '../../../platform/platform.js';
import type { CollectionLayout } from '../../collection-layout.js';
import { makeEpoch, makeMark } from '../../make-epoch.js';
import type { Epoch } from '../../store.js';
import { StoreUnavailable } from '../../store-errors.js';
import type { SqliteConfig } from '../config.js';
import { DatabaseThread } from './database-thread.js';
import type { OpenResult, WriterRequest } from './messages.js';
import { WriterHealth } from './writer-health.js';

const writerModule = new URL('./writer-thread.js', import.meta.url);
/** Milliseconds after which a writer that died is restarted. */
const restartAfter = 100;

export interface WriterOptions {
  readonly module?: URL;
  /** See `ProcessLock`. */
  readonly isLockNew?: boolean;
}

/** The writer thread as the store sees it: if it dies, a new one replaces it. */
export class WriterClient {
  /** Called when the log must be copied. */
  onLogDue: () => void = () => {};
  /** Those that were prepared, by collection. */
  readonly layouts = new Map<string, CollectionLayout>();
  readonly #config: SqliteConfig;
  readonly #platform: Platform;
  readonly #log: Log;
  readonly #module: URL;
  #thread: DatabaseThread<WriterRequest> | undefined;
  readonly #health: WriterHealth;
  #epoch: Epoch | undefined;
  /** Only for the first opening: changes that go missing later need a new decision. */
  #first: { readonly force: boolean; readonly isLockNew: boolean };
  #closed = false;

  private constructor(
    config: SqliteConfig,
    platform: Platform,
    log: Log,
    { module = writerModule, isLockNew = false }: WriterOptions,
  ) {
    this.#config = config;
    this.#first = { force: config.force, isLockNew };
    this.#module = module;
    this.#platform = platform;
    this.#log = log;
    this.#health = new WriterHealth(platform, () => this.ask({ kind: 'ping' }));
  }

  /** Resolves when the database is open and up to date. Rejects with `StoreRefused`. */
  static async open(
    config: SqliteConfig,
    platform: Platform,
    log: Log,
    options: WriterOptions = {},
  ): Promise<WriterClient> {
    const client = new WriterClient(config, platform, log, options);
    await client.#start();
    return client;
  }

  /** The store's epoch, as of its opening. */
  get epoch(): Epoch {
    if (!this.#epoch) throw new Error('the epoch of a store that is not open was read');
    return this.#epoch;
  }

  async ask(request: WriterRequest): Promise<unknown> {
    if (!this.#thread) throw new StoreUnavailable('the store is restarting');
    const answer = await this.#health.follow(this.#thread.request(request));
    if (request.kind === 'prepare') {
      for (const layout of request.layouts) this.layouts.set(layout.names.join('/'), layout);
    }
    return answer;
  }

  /** Why writes cannot be served, in a few words; `undefined` where they can. */
  get trouble(): string | undefined {
    return this.#thread ? this.#health.trouble : 'the store is restarting';
  }

  /** Earlier requests are answered first. */
  async close(): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    if (!thread) return;
    try {
      await thread.request({ kind: 'close', opening: makeMark(this.#platform.random) });
    } finally {
      await thread.end();
    }
  }

  async #start(): Promise<void> {
    const thread = new DatabaseThread<WriterRequest>({
      module: this.#module,
      onNotice: () => this.onLogDue(),
      onDeath: (error) => {
        if (this.#thread === thread) this.#revive(error);
      },
    });
    try {
      const { random } = this.#platform;
      const fresh = { epoch: makeEpoch(random, false), opening: makeMark(random) };
      const request = { kind: 'open', config: this.#config, ...this.#first, ...fresh } as const;
      const opened = (await thread.request(request)) as OpenResult;
      this.#first = { force: false, isLockNew: false };
      this.#epoch = opened.epoch;
      this.#report(opened);
      const layouts = [...this.layouts.values()];
      if (layouts.length > 0) await thread.request({ kind: 'prepare', layouts });
    } catch (error) {
      await thread.end();
      throw error;
    }
    this.#thread = thread;
  }

  #report({ upgrades, cut, isOther }: OpenResult): void {
    const log = this.#log;
    for (const step of upgrades) log.info({ step }, 'the database was upgraded');
    if (cut) log.error({ missing: cut.missing }, `went on because of --force: ${cut.message}`);
    if (isOther)
      log.warn({}, 'the database is not the one that was closed here: it has a new epoch');
  }

  #revive(error: Error): void {
    this.#thread = undefined;
    if (this.#closed) return;
    this.#log.error({ err: error }, 'the writer thread has died and is restarted');
    this.#platform.timers.after(restartAfter, () => {
      if (!this.#closed) this.#start().catch((cause: Error) => this.#revive(cause));
    });
  }
}
