import { localBus } from '../bus/local/bus.js';
import { createWrite } from '../objects/change.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import {
  DurableQueue,
  type DurableQueueOptions,
  type QueueAttempt,
  type QueueStore,
} from './durable-queue.js';

export const done: QueueAttempt = { kind: 'done' };

/** A durable queue on a memory store, whose work waits until the test ends it. */
export class QueueBench {
  readonly platform = simulatedPlatform({ seed: 1 });
  readonly store = openMemoryStore({}, this.platform);
  readonly bus = localBus();
  /** Entries whose work was begun, in order. */
  readonly begun: string[] = [];
  readonly #open = new Map<string, (attempt: QueueAttempt) => void>();
  queue: DurableQueue | undefined;
  #next = 1;

  start(options: Partial<DurableQueueOptions> = {}, store: QueueStore = this.store): DurableQueue {
    this.queue = new DurableQueue({
      ...{ store, bus: this.bus, platform: this.platform, log: silentLog },
      scope: { names: ['_jobs'], parents: [] },
      orderingKey: ({ data }) => String(data.group),
      work: (r) => {
        this.begun.push(r);
        return new Promise((resolve) => this.#open.set(r, resolve));
      },
      ...{ concurrency: 4, window: 1000 },
      ...options,
    });
    void this.queue.start();
    return this.queue;
  }

  async add(...groups: string[]): Promise<string[]> {
    const writes = groups.map((group) => {
      const r = `/_jobs/${this.#next++}`;
      return createWrite(r, { group }, { by: { uid: 's' }, at: 0, modelVersion: 0 });
    });
    await this.store.commit(writes.map((write) => ({ writes: [write] })));
    this.bus.publish(writes.map(({ change, object }) => ({ ...change, object, pos: 0 })));
    await quiet();
    return writes.map(({ object }) => object.r);
  }

  /** Ends the work of an entry, and erases the entry if it is done. */
  async end(r: string | undefined, attempt: QueueAttempt = done): Promise<void> {
    const resolve = this.#open.get(r ?? '');
    if (!resolve || r === undefined) throw new Error(`${r} is not worked on`);
    this.#open.delete(r);
    if (attempt.kind === 'done') await this.store.commit([{ writes: [], erases: [r] }]);
    resolve(attempt);
    await quiet();
  }

  get working(): string[] {
    return [...this.#open.keys()];
  }
}

/** Lets everything run that is ready. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
