import { fail } from '@really/protocol';
import { createWrite } from '../objects/change.js';
import type { Objects } from '../objects/objects.js';
import type { SystemRecords } from '../objects/system-records.js';
import type { WriteAllOptions, WriteAllResult, WriteRequest } from '../objects/write-request.js';
import { Deadlines } from '../platform/deadlines.js';
import type { Log } from '../platform/log.js';
import { type Counter, type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import type { Store } from '../store/store.js';
import { type Errand, errandRecord, errandsName, readErrand, type StoredErrand } from './errand.js';

export interface ErrandsOptions {
  readonly objects: Objects;
  readonly records: SystemRecords;
  readonly store: Pick<Store, 'query'>;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Letters that may wait (rule MAIL5). */
  readonly limit: number;
  /** Does one. Rejects where it could not be done now, with a `Hopeless` where it never can. `id` is the same at every attempt. */
  readonly run: (errand: Errand, about: { id: string; attempts: number }) => Promise<void>;
}

/** It makes no sense to try again. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless';
}

class Entry {
  readonly r: string;
  readonly errand: Errand;
  attempts: number;
  /** Done, or given up: only the record is left. */
  done = false;

  constructor(r: string, { errand, attempts }: StoredErrand) {
    this.r = r;
    this.errand = errand;
    this.attempts = attempts;
  }

  get id(): string {
    return this.r.slice(this.r.lastIndexOf('/') + 1);
  }
}

/** Errands under way at once: whoever delivers letters has other work, too. */
const atOnce = 4;

const second = 1000;
const minute = 60 * second;

/** How long an errand rests after each attempt in vain; after the last it is given up. */
const rests = [5, 15, 60, 300, 1200, 3600, 3600, 3600].map((seconds) => seconds * second);

/** Milliseconds that reading a page of what was left may take. */
const patience = minute;
const page = 1000;

/**
 * What is to be done after an answer: on disk together with what it follows from, done soon, tried again
 * with ever longer rests, and again after a crash. So each is done at least once (rule MAIL4).
 */
export class Errands {
  readonly #options: ErrandsOptions;
  readonly #waiting: Entry[] = [];
  readonly #resting: Deadlines;
  readonly #running = new Set<Promise<void>>();
  readonly #attempts: Counter;
  #size = 0;
  #closed = false;

  constructor(options: ErrandsOptions) {
    const { platform, metrics = noMetrics } = options;
    this.#options = options;
    this.#resting = new Deadlines({
      platform,
      clock: 'monotonic',
      due: (entry) => {
        if (entry instanceof Entry) this.#waiting.push(entry);
        this.#pump();
      },
    });
    metrics.observe('really_errands', 'Letters and revocations to be done.', () => this.#size);
    this.#attempts = metrics.counter(
      'really_errand_attempts_total',
      'Attempts to do what follows from an answer: letters and revocations.',
      ['kind', 'result'],
    );
  }

  /** True while no more letters are taken. */
  get full(): boolean {
    return this.#size >= this.#options.limit;
  }

  /** Takes up what was left undone. */
  async open(): Promise<void> {
    const scope = { names: [errandsName], parents: [] };
    const order = { field: '_r', descending: false };
    let from: { value: undefined; r: string } | undefined;
    for (;;) {
      const found = await this.#options.store.query({
        scope,
        order,
        from,
        limit: page,
        timeout: patience,
      });
      for (const { r, data } of found) {
        const stored = readErrand(data);
        if (stored) void this.#take(r, stored);
        else this.#options.log.error({ r }, 'an errand that this version does not know is left');
      }
      const last = found.at(-1);
      if (!last || found.length < page) return;
      from = { value: undefined, r: last.r };
    }
  }

  /** Refuses new letters with 503 while there are too many. */
  assertRoom(): void {
    if (this.full) throw fail('server.unavailable', undefined, { meta: { retryAfter: 10 } });
  }

  /**
   * Writes these and the errands that follow from them, all or none, and begins to do them. Resolves when they
   * are on disk, and the revocations among them were tried once.
   */
  async write(
    requests: readonly WriteRequest[],
    errands: readonly Errand[],
    options: Pick<WriteAllOptions, 'erases'> = {},
  ): Promise<WriteAllResult> {
    const drafts = errands.map((errand) => this.#draft({ errand, attempts: 0 }));
    const all = [...requests, ...drafts.map(({ request }) => request)];
    const result = await this.#options.objects.writeAll(all, options);
    if (result.kind === 'committed') {
      await Promise.all(drafts.map(({ r, stored }) => this.#take(r, stored)));
    }
    return result;
  }

  /** Begins nothing more. Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #draft(stored: StoredErrand): { r: string; stored: StoredErrand; request: WriteRequest } {
    const { objects } = this.#options;
    const r = `/${errandsName}/${objects.newId()}`;
    const request: WriteRequest = {
      r,
      fresh: true,
      prepare: () => {
        const origin = { by: { uid: '_system' }, at: objects.changeTime(), modelVersion: 0 };
        return createWrite(r, errandRecord(stored), origin);
      },
    };
    return { r, stored, request };
  }

  /** A revocation does not wait behind letters. Resolves when it was tried; with a letter at once. */
  async #take(r: string, stored: StoredErrand): Promise<void> {
    const entry = new Entry(r, stored);
    this.#size += 1;
    if (entry.errand.kind === 'revoke') {
      await this.#begin(entry);
    } else {
      this.#waiting.push(entry);
      this.#pump();
    }
  }

  #pump(): void {
    while (!this.#closed && this.#running.size < atOnce) {
      const entry = this.#waiting.shift();
      if (!entry) return;
      void this.#begin(entry);
    }
  }

  #begin(entry: Entry): Promise<void> {
    const running: Promise<void> = this.#attempt(entry).finally(() => {
      this.#running.delete(running);
      this.#pump();
    });
    this.#running.add(running);
    return running;
  }

  /** Never rejects. */
  async #attempt(entry: Entry): Promise<void> {
    if (!entry.done) await this.#run(entry);
    if (entry.done) await this.#erase(entry);
  }

  async #run(entry: Entry): Promise<void> {
    const { errand, id, attempts } = entry;
    try {
      await this.#options.run(errand, { id, attempts });
      entry.done = true;
      this.#attempts.add(1, errand.kind, 'ok');
    } catch (error) {
      const rest = error instanceof Hopeless ? undefined : restAfter(entry);
      entry.attempts += 1;
      entry.done = rest === undefined;
      this.#tell(entry, error);
      if (rest === undefined) return;
      await this.#remember(entry);
      this.#rest(entry, rest);
    }
  }

  /** What is done leaves no trace. */
  async #erase(entry: Entry): Promise<void> {
    try {
      await this.#options.objects.writeAll([], { erases: [entry.r] });
      this.#size -= 1;
    } catch {
      // The store is away, and the record is to be erased when it is back.
      this.#rest(entry, second);
    }
  }

  #tell({ errand: { kind }, id, attempts, done }: Entry, error: unknown): void {
    this.#attempts.add(1, kind, done ? 'given-up' : 'failed');
    const fields = { id, kind, attempts, err: error };
    if (done) this.#options.log.error(fields, 'an errand is given up');
    else this.#options.log.warn(fields, 'an errand could not be done and is tried again');
  }

  /** So that a crash does not begin to count anew. Where it can not be stored, it does. */
  async #remember({ r, errand, attempts }: Entry): Promise<void> {
    await this.#options.records
      .put(r, () => errandRecord({ errand, attempts }))
      .catch(() => undefined);
  }

  #rest(entry: Entry, ms: number): void {
    this.#resting.set(entry, this.#options.platform.clock.monotonic() + ms);
  }
}

/** Milliseconds; `undefined`: it is given up. A revocation never is. */
function restAfter({ errand, attempts }: Entry): number | undefined {
  return rests[attempts] ?? (errand.kind === 'revoke' ? rests.at(-1) : undefined);
}
