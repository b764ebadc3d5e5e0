import { isOver, type Revocations, revocationOf, revocationsName } from '../auth/revocations.js';
import type { Bus } from '../bus/bus.js';
import type { Log } from '../platform/log.js';
import type { Platform, Timer } from '../platform/platform.js';
import { Fifo } from '../platform/scheduling/fifo.js';
import type { Store } from '../store/store.js';
import type { Scope } from '../store/store-reads.js';
import type { CommittedChange, Pos, StoredObject } from '../store/stored-object.js';
import type { SystemRecords } from './system-records.js';

export interface RevocationSourceOptions {
  readonly revocations: Revocations;
  readonly records: SystemRecords;
  readonly store: Store;
  readonly bus: Bus;
  readonly platform: Platform;
  readonly log: Log;
}

const scope: Scope = { names: [revocationsName], parents: [] };
const prefix = `/${revocationsName}/`;
const page = 1000;

/** Milliseconds that loading a page may take. */
const queryTimeout = 30_000;

/** Milliseconds between two polls for what the bus may have lost; only with other writers. */
const pollEvery = 5000;

/** Milliseconds between two steps of the search for expired revocations, and uids per step. */
const forgetEvery = 1000;
const forgetUids = 2000;

/** Expired records that are removed at once: a node may find any number of them when it starts. */
const removalsAtOnce = 16;

/** Milliseconds after which an expired one is forgotten: it has expired by the clock of every node then. */
const grace = 60 * 60 * 1000;

/** Keeps the revocations of this node up to date: from the store, then from the bus (rule AUT6). */
export class RevocationSource {
  readonly #options: RevocationSourceOptions;
  readonly #timers: Timer[] = [];
  #stopListening: (() => void) | undefined;
  #position: Pos = 0;
  #polling = false;
  /** Expired records that are to be removed. */
  readonly #expired = new Fifo<string>();
  #removals = 0;
  #closed = false;
  #search: Generator<readonly string[], void> | undefined;

  constructor(options: RevocationSourceOptions) {
    this.#options = options;
  }

  /** Resolves when every stored revocation is loaded and new ones are received. */
  async open(): Promise<void> {
    const { store, bus, platform } = this.#options;
    await store.prepare([{ names: scope.names, indexes: [], retention: { history: 1 } }]);
    this.#stopListening = bus.listen((changes) => this.#receive(changes));
    await this.#load();
    this.#timers.push(platform.timers.every(forgetEvery, () => this.#forget()));
    if (!store.isSoleWriter) {
      this.#timers.push(platform.timers.every(pollEvery, () => void this.#poll()));
    }
  }

  close(): void {
    this.#closed = true;
    this.#stopListening?.();
    for (const timer of this.#timers) timer.cancel();
  }

  async #load(): Promise<void> {
    const { store } = this.#options;
    this.#position = await store.position();
    const order = { keys: [{ field: '_r', descending: false }] };
    let last: StoredObject | undefined;
    do {
      const from = last && { values: [], r: last.r };
      const found = await store.query({ scope, order, from, limit: page, timeout: queryTimeout });
      for (const object of found) this.#apply(object);
      last = found.length === page ? found.at(-1) : undefined;
    } while (last);
  }

  #receive(changes: readonly CommittedChange[]): void {
    for (const { r, object } of changes) {
      if (r.startsWith(prefix) && !object.deleted) this.#apply(object);
    }
  }

  #apply({ r, data }: StoredObject): void {
    const { revocations, platform } = this.#options;
    const revocation = revocationOf(data);
    if (!revocation) return;
    if (revocation.kind === 'token' && isOver(revocation.until, platform.clock.now() - grace)) {
      this.#remove(r);
    } else {
      revocations.apply(revocation);
    }
  }

  /** Reads from the store what the bus may have lost. */
  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      const found = await this.#options.store.changes(scope, this.#position, page);
      if (found.gone) await this.#load();
      for (const { object } of found.entries) if (object && !object.deleted) this.#apply(object);
      if (!found.gone) this.#position = found.through;
    } catch {
      // The store's failure is reported elsewhere; the next poll tries again.
    }
    this.#polling = false;
  }

  #forget(): void {
    const { revocations, platform } = this.#options;
    this.#search ??= revocations.forget(platform.clock.now() - grace);
    for (let looked = 0; looked < forgetUids; looked++) {
      const { done, value } = this.#search.next();
      if (done || !value) {
        this.#search = undefined;
        return;
      }
      for (const r of value) this.#remove(r);
    }
  }

  #remove(r: string): void {
    this.#expired.push(r);
    if (this.#removals < removalsAtOnce) void this.#removeExpired();
  }

  /** Never rejects. */
  async #removeExpired(): Promise<void> {
    const { records, platform, log } = this.#options;
    this.#removals += 1;
    for (let r = this.#expired.shift(); r && !this.#closed; r = this.#expired.shift()) {
      const over = platform.clock.now() - grace;
      try {
        await records.remove(r, ({ until }) => isOver(until, over));
      } catch (error) {
        log.warn({ err: error, r }, 'an expired revocation could not be removed');
      }
    }
    this.#removals -= 1;
  }
}
