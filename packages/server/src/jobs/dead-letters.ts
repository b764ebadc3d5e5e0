import { idOf, isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import type { Objects } from '../objects/objects.js';
import { requestOf, systemCreation } from '../objects/system-records.js';
import type { WriteRequest } from '../objects/write-request.js';
import type { Log } from '../platform/log.js';
import type { Counter, Metrics } from '../platform/metrics.js';
import type { Platform, Timer } from '../platform/platform.js';
import type { Store } from '../store/store.js';
import type { StoredObject } from '../store/stored-object.js';
import { jobOwner } from './job-owner.js';
import { LettersByOwner } from './letters-by-owner.js';

/**
 * What was given up: a run of a post hook, the delivery of an event to a webhook, or the rest of
 * what follows a deletion.
 */
const kinds = ['hook', 'webhook', 'cascade'] as const;

/** Work that was given up. */
export interface DeadLetter {
  readonly kind: (typeof kinds)[number];
  /** The R of the original entry, and of the object that it is about. */
  readonly from: string;
  readonly about: string;
  /** For operators: `users postCreate`, or the event and the endpoint. */
  readonly what: string;
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly reason: string;
  /** The original entry. */
  readonly work: JsonObject;
  /** Rs of further records of the work, which are erased with it. */
  readonly records?: readonly string[] | undefined;
}

export interface StoredDeadLetter extends DeadLetter {
  readonly id: string;
  /** When it was given up, milliseconds since the Unix epoch. */
  readonly at: number;
}

export interface DeadLettersOptions {
  readonly store: Store;
  readonly objects: Objects;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Maximum number; beyond it, the oldest of the owner with most are dropped. */
  readonly limit: number;
  /** Maximum age, milliseconds. */
  readonly age: number;
}

const collection = '_dead-letters';
const scope = { names: [collection], parents: [] };
const sweepEvery = 3_600_000;
const page = 100;

/** Keeps work that was given up, within bounds, until it is replayed or dropped. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;
  readonly #added: Counter;
  #count = 0;
  /** None is older; unknown until they are read. */
  #oldest = Number.NEGATIVE_INFINITY;
  /** Read once there are too many. */
  #byOwner: LettersByOwner | undefined;
  /** Never rejects. */
  #dropping: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
    options.metrics.observe('really_dead_letters', 'Dead letters that are stored.', () => {
      return this.#count;
    });
    this.#added = options.metrics.counter(
      'really_dead_letters_made_total',
      'Runs of post hooks, deliveries to webhooks and cascades of deletions that became dead letters.',
      ['kind'],
    );
    // Present from the start: a counter that first appears as 1 has not increased, for Prometheus.
    for (const kind of kinds) this.#added.add(0, kind);
  }

  /**
   * Counts the stored dead letters, which may take a while, and enforces the bounds from now on.
   * Never rejects.
   */
  async start(): Promise<void> {
    const { store, platform, log } = this.#options;
    this.#timer = platform.timers.every(sweepEvery, () => void this.#dropOld());
    const order = { keys: [{ field: '_r', descending: false }] };
    try {
      this.#count = await store.count({ scope, order, limit: 1, timeout: 10_000 });
    } catch (error) {
      if (!this.#closed) log.warn({ err: error }, 'the dead letters cannot be counted');
    }
    await this.#dropOld();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /**
   * Moves an entry to the dead letters atomically. Rejects with 503 where the store is unavailable.
   */
  async add(deadLetter: DeadLetter): Promise<void> {
    const { objects, log, platform } = this.#options;
    const id = objects.newId();
    const at = platform.clock.now();
    const r = `/${collection}/${id}`;
    const { work, records, ...rest } = deadLetter;
    const data = { ...rest, at, work, ...(records && { records: [...records] }) };
    const creation = requestOf(systemCreation(r, data, at));
    await objects.writeAll([creation], { erases: [deadLetter.from] });
    this.#count += 1;
    this.#byOwner?.add(id, jobOwner(work));
    this.#added.add(1, deadLetter.kind);
    const { kind, about, what, attempts, reason } = deadLetter;
    log.error(
      { deadLetter: id, kind, r: about, attempts, reason },
      `${what} for ${about} was given up and is dead letter ${id}: ${reason}`,
    );
    if (this.#count > this.#options.limit) await this.#dropOld();
  }

  /** Newest first. */
  async list(limit: number): Promise<StoredDeadLetter[]> {
    const found = await this.#options.store.query({
      scope,
      order: { keys: [{ field: '_r', descending: true }] },
      limit,
      timeout: 10_000,
    });
    return found.map(deadLetterOf);
  }

  async find(id: string): Promise<StoredDeadLetter | undefined> {
    const object = await this.#options.objects.head(`/${collection}/${id}`);
    return object && !object.deleted ? deadLetterOf(object) : undefined;
  }

  /**
   * Puts the work back where it came from, as if it were new. False where there is no such dead
   * letter.
   */
  async replay(id: string): Promise<boolean> {
    const { objects, platform } = this.#options;
    const deadLetter = await this.find(id);
    if (!deadLetter) return false;
    const { attempts: _attempts, due: _due, reason: _reason, ...work } = deadLetter.work;
    const place = deadLetter.from.slice(0, deadLetter.from.lastIndexOf('/') + 1);
    const entry = systemCreation(`${place}${objects.newId()}`, work, platform.clock.now());
    return await this.#erase([{ id }], [requestOf(entry)]);
  }

  /** False where there is no such dead letter. */
  async drop(id: string): Promise<boolean> {
    const deadLetter = await this.find(id);
    return deadLetter !== undefined && (await this.#erase([deadLetter], []));
  }

  async #erase(
    letters: readonly Pick<StoredDeadLetter, 'id' | 'records'>[],
    requests: readonly WriteRequest[],
  ): Promise<boolean> {
    const { objects } = this.#options;
    const records = letters.flatMap(({ records = [] }) => records);
    // One that is not there would refuse the whole.
    const heads = records.length > 0 ? await objects.heads(records) : [];
    const stored = records.filter((_, index) => heads[index] && !heads[index].deleted);
    const erases = [...letters.map(({ id }) => `/${collection}/${id}`), ...stored];
    const { kind } = await objects.writeAll(requests, { erases });
    if (kind !== 'committed') return false;
    this.#count -= letters.length;
    for (const { id } of letters) this.#byOwner?.delete(id);
    return true;
  }

  /** Drops dead letters that are too many or too old. Never rejects. */
  #dropOld(): Promise<void> {
    // One after the other: two at once would drop too many.
    this.#dropping = this.#dropping.then(() => this.#drop());
    return this.#dropping;
  }

  async #drop(): Promise<void> {
    try {
      await this.#dropTooMany();
      await this.#dropTooOld();
    } catch (error) {
      // What it does not have any more may still be stored.
      this.#byOwner = undefined;
      const { log } = this.#options;
      if (!this.#closed) log.warn({ err: error }, 'the dead letters could not be cleaned up');
    }
  }

  async #dropTooMany(): Promise<void> {
    const { log, limit } = this.#options;
    if (this.#count <= limit) return;
    const byOwner = this.#byOwner ?? (await this.#readByOwner());
    let letters = 0;
    while (!this.#closed && this.#count > limit) {
      const id = byOwner.first;
      if (id === undefined) break;
      // First, as it may be gone already.
      byOwner.delete(id);
      const letter = await this.find(id);
      if (letter && (await this.#erase([letter], []))) letters += 1;
    }
    if (letters > 0) log.warn({ letters }, 'dead letters were dropped: too many');
  }

  async #readByOwner(): Promise<LettersByOwner> {
    const byOwner = new LettersByOwner();
    // Later ones are counted when they are added.
    this.#byOwner = byOwner;
    for (let after = 0; ; ) {
      const { entries, through, more } = await this.#options.store.created(scope, after, page);
      for (const { object } of entries) {
        const { id, work } = deadLetterOf(object);
        byOwner.add(id, jobOwner(work));
      }
      if (!more || this.#closed) return byOwner;
      after = through;
    }
  }

  async #dropTooOld(): Promise<void> {
    const { store, log, platform, age } = this.#options;
    while (!this.#closed) {
      const now = platform.clock.now();
      const tooOld = now - age;
      if (this.#oldest >= tooOld) return;
      const { entries, more } = await store.created(scope, 0, page);
      const doomed = entries.filter(({ change }) => change.at < tooOld);
      const kept = entries.find(({ change }) => change.at >= tooOld);
      if (kept || !more) this.#oldest = kept?.change.at ?? now;
      if (doomed.length === 0) return;
      log.warn({ letters: doomed.length }, 'dead letters were dropped: too old');
      const letters = doomed.map(({ object }) => deadLetterOf(object));
      if (!(await this.#erase(letters, []))) return;
    }
  }
}

function deadLetterOf({ r, data }: StoredObject): StoredDeadLetter {
  return {
    id: idOf(r),
    kind: kinds.find((kind) => kind === data.kind) ?? 'hook',
    from: text(data.from),
    about: text(data.about),
    what: text(data.what),
    attempts: typeof data.attempts === 'number' ? data.attempts : 0,
    reason: text(data.reason),
    at: typeof data.at === 'number' ? data.at : 0,
    work: isJsonObject(data.work) ? data.work : {},
    ...(Array.isArray(data.records) && { records: data.records.map(text) }),
  };
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
