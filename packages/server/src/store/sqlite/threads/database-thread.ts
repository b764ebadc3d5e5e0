import type { Worker } from 'node:worker_threads';
import { bareWorker } from '../../../platform/bare-worker.js';
import { OutcomeUnknown, StoreUnavailable } from '../../store-errors.js';
import { decodeError, type ThreadReply, type ThreadStarted } from './thread-port.js';

interface PendingRequest {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

type ThreadMessage = ThreadReply | ThreadStarted | { readonly notice: unknown };

/**
 * The main thread's side of a worker thread, which answers requests in order. When the thread dies,
 * pending requests reject with `OutcomeUnknown` and later ones with `StoreUnavailable`.
 */
export class DatabaseThread<Request> {
  readonly #worker: Worker;
  readonly #waiting: PendingRequest[] = [];
  readonly #onNotice: (() => void) | undefined;
  readonly #started: Promise<void>;
  #dead: Error | undefined;
  #ending = false;

  constructor(options: {
    readonly module: URL;
    readonly data?: unknown;
    readonly onNotice?: () => void;
    readonly onDeath?: (error: Error) => void;
  }) {
    this.#onNotice = options.onNotice;
    this.#worker = bareWorker(options.module, { workerData: options.data });
    this.#worker.unref();
    let cause: Error | undefined;
    this.#worker.on('message', (message: ThreadMessage) => this.#receive(message));
    this.#started = new Promise((resolve) => {
      this.#worker.once('message', () => resolve());
      this.#worker.once('exit', () => resolve());
    });
    this.#worker.on('error', (error) => {
      cause = error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on('exit', () => {
      const what = 'a thread of the store has ended';
      const error = new StoreUnavailable(what, { cause });
      this.#dead = error;
      const unknown = new OutcomeUnknown(what, { cause });
      for (const { reject } of this.#waiting.splice(0)) reject(unknown);
      options.onDeath?.(cause ?? error);
    });
  }

  /** Rejects with what the thread threw, and where the request cannot be sent. */
  request(request: Request): Promise<unknown> {
    const dead = this.#dead;
    if (dead) return Promise.reject(dead);
    return new Promise((resolve, reject) => {
      // Throws where the request cannot be sent: it must not be queued then, or each reply would go
      // to the next request.
      this.#worker.postMessage(request);
      // Keeps the process alive while a reply is pending.
      if (this.#waiting.length === 0) this.#worker.ref();
      this.#waiting.push({ resolve, reject });
    });
  }

  /**
   * Keeps the process alive until the thread has ended. One that is just starting is waited for: to
   * end a thread while it loads the database driver aborts the process.
   */
  async end(): Promise<void> {
    this.#ending = true;
    this.#worker.ref();
    await this.#started;
    await this.#worker.terminate();
  }

  #receive(message: ThreadMessage): void {
    if ('started' in message) return;
    if ('notice' in message) {
      this.#onNotice?.();
      return;
    }
    const waiting = this.#waiting.shift();
    // A reply that arrives while `end` is pending must not let the process exit.
    if (this.#waiting.length === 0 && !this.#ending) this.#worker.unref();
    if ('error' in message) waiting?.reject(decodeError(message.error));
    else waiting?.resolve(message.value);
  }
}
