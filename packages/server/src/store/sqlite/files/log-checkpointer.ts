import type { Log } from '../../../platform/log.js';
import type { Platform } from '../../../platform/platform.js';
import type { SqliteConfig } from '../config.js';
import { DatabaseThread } from '../threads/database-thread.js';
import type { CheckpointRequest, LogSize } from '../threads/messages.js';
import type { ReaderPool } from '../threads/reader-pool.js';
import type { WriterClient } from '../threads/writer-client.js';
import { logBounds } from './checkpoints.js';

/** Pages of which the writer copies the last ones: 4 MiB, some milliseconds. */
const littleLeft = 1024;

/** Times that the log was found due while it was being shortened after which commits are slowed down, and by how much. */
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
 * Keeps the write-ahead log short, and nobody waiting. The log is copied into the database by a thread of its own. When
 * all of it is copied and nobody reads from it, it starts again by itself with the next commit; where
 * queries overlap without end that moment never comes, and so, at a size, the queries are held back until it does.
 * Whoever reads from outside, a backup or another program, can put that off for as long as they like:
 * then the log grows, and nobody waits for them. Where commits write faster than the disk copies, each is slowed down a
 * little, so that the log has an end.
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
    this.#restartAt = logBounds(parts.config).restartAt;
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

  /** Whether the log is copied more slowly than it is written. */
  get isBehind(): boolean {
    return this.#missed >= mostMissed;
  }

  /** Resolves after the moment that a commit has to wait while it `isBehind`. */
  async slowDown(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#parts.platform.timers.after(slowdown, resolve);
    });
  }

  /** To be called before the writer closes: it copies the rest of its log. */
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

  /** Once for each time that somebody holds it up. */
  #report({ pages, left }: LogSize): void {
    const isHeldUp = pages > 4 * this.#restartAt && left > littleLeft;
    if (isHeldUp && !this.#warned) {
      const reason = 'another program reads the database in one transaction for long';
      this.#parts.log.warn({ pages }, `the write-ahead log grows: ${reason}`);
    }
    if (isHeldUp || pages < this.#restartAt) this.#warned = isHeldUp;
  }
}
