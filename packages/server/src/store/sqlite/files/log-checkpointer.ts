import type { Log } from '../../../platform/log.js';
import type { Platform } from '../../../platform/platform.js';
import type { SqliteConfig } from '../config.js';
import { DatabaseThread } from '../threads/database-thread.js';
import type { CheckpointRequest, LogSize } from '../threads/messages.js';
import type { ReaderPool } from '../threads/reader-pool.js';
import type { WriterClient } from '../threads/writer-client.js';
import { mostPages } from './checkpoints.js';

/** Pages at the end of the log that the writer copies itself: 4 MiB, some milliseconds. */
const littleLeft = 1024;

/** How often the log may be due while it is copied; then commits are delayed by so many ms. */
const mostMissed = 16;
const slowdown = 20;

export interface LogCheckpointerParts {
  readonly config: Pick<SqliteConfig, 'file' | 'logSize'>;
  readonly writer: Pick<WriterClient, 'ask'>;
  readonly pool: Pick<ReaderPool, 'pause'>;
  readonly platform: Pick<Platform, 'timers'>;
  readonly log: Log;
}

/**
 * Keeps the write-ahead log short without blocking anyone. A separate thread copies the log into
 * the database. Once all of it is copied and nobody reads from it, the next commit restarts it;
 * where queries overlap without end that moment never comes, so beyond a size queries are held back
 * until it does. External readers, such as a backup or another program, can delay that as long as
 * they like: then the log grows, and nobody waits for them. Where commits write faster than the
 * disk copies, each is slowed down a little, so that the log stays bounded.
 */
export class LogCheckpointer {
  readonly #parts: LogCheckpointerParts;
  readonly #restartAt: number;
  /** Started when there is something to copy: most apps of a server write little. */
  #thread: DatabaseThread<CheckpointRequest> | undefined;
  #running: Promise<void> | undefined;
  #missed = 0;
  #warned = false;
  #closed = false;

  constructor(parts: LogCheckpointerParts) {
    this.#parts = parts;
    this.#restartAt = mostPages(parts.config);
  }

  /** The log has grown. */
  due(): void {
    if (this.#running) this.#missed += 1;
    if (this.#closed || this.#running) return;
    this.#running = this.#shorten()
      .catch((error: unknown) => {
        if (!this.#closed) this.#parts.log.warn({ err: error }, 'the log could not be copied');
      })
      .finally(() => {
        this.#running = undefined;
        this.#missed = 0;
      });
  }

  /** Whether the log is written faster than it is copied. */
  get isBehind(): boolean {
    return this.#missed >= mostMissed;
  }

  /** Resolves after the delay of a commit while `isBehind`. */
  async slowDown(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#parts.platform.timers.after(slowdown, resolve);
    });
  }

  /** Call it before the writer closes, which copies the rest of the log. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#thread?.end();
  }

  async #shorten(): Promise<void> {
    const { writer, pool } = this.#parts;
    const copied = await this.#copy();
    this.#report(copied);
    if (copied.left > littleLeft || this.#closed) return;
    if (copied.pages <= this.#restartAt) await writer.ask({ kind: 'finish-log' });
    else await pool.pause(async () => void (await writer.ask({ kind: 'restart-log' })));
  }

  async #copy(): Promise<LogSize> {
    this.#thread ??= new DatabaseThread<CheckpointRequest>({
      module: new URL('../threads/checkpoint-thread.js', import.meta.url),
      data: this.#parts.config.file,
      onDeath: () => {
        this.#thread = undefined;
      },
    });
    return (await this.#thread.request({ kind: 'copy-log' })) as LogSize;
  }

  /** Logs each blocked checkpoint once. */
  #report({ pages, left }: LogSize): void {
    const isHeldUp = pages > 4 * this.#restartAt && left > littleLeft;
    if (isHeldUp && !this.#warned) {
      const reason = 'another program reads the database in one transaction for long';
      this.#parts.log.warn({ pages }, `the write-ahead log grows: ${reason}`);
    }
    if (isHeldUp || pages < this.#restartAt) this.#warned = isHeldUp;
  }
}
