import type { Parked } from '../live/parked.js';
import { Deadlines } from '../platform/deadlines.js';
import type { Metrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import type { SentPushes } from './sent-pushes.js';

/** What is left of a session whose connection dropped. */
export interface ParkedSession {
  readonly uid: string;
  readonly subscriptions: readonly Parked[];
  readonly sent: SentPushes | undefined;
}

/** A session that still has its connection, as far as it knows. */
export interface HandleHolder {
  readonly uid: string | undefined;
  /** Somebody else takes over: its connection is closed, and it is parked by the time this returns. */
  giveWay(): void;
}

export interface HandlesOptions {
  readonly platform: Platform;
  readonly metrics: Metrics;
  /** Milliseconds that a session stays parked; 0: none is. */
  readonly window: number;
  /** Sessions that are parked at most; beyond, the oldest is forgotten. */
  readonly limit: number;
}

/** By their connection-handles: the sessions of a gateway, and those that dropped and may be resumed (section RES). */
export class Handles {
  readonly #options: HandlesOptions;
  readonly #holders = new Map<string, HandleHolder>();
  /** In the order in which they dropped. */
  readonly #parked = new Map<string, ParkedSession>();
  readonly #expiries: Deadlines;
  readonly #resumes;
  #closed = false;

  constructor(options: HandlesOptions) {
    const { platform, metrics } = options;
    this.#options = options;
    this.#expiries = new Deadlines({
      platform,
      clock: 'monotonic',
      due: (key) => this.#forget(key),
    });
    this.#resumes = metrics.counter('really_resumes_total', 'Attempts to resume a connection.', [
      'outcome',
    ]);
    metrics.observe('really_parked_sessions', 'Sessions that can be resumed.', () => {
      return this.#parked.size;
    });
  }

  hold(handle: string, holder: HandleHolder): void {
    this.#holders.set(handle, holder);
  }

  /** The connection of this handle is gone. */
  park(handle: string, parked: () => ParkedSession): void {
    if (!this.#holders.delete(handle)) return;
    const { window, limit, platform } = this.#options;
    if (this.#closed || window === 0) return;
    const session = parked();
    this.#parked.set(handle, session);
    this.#expiries.set(session, platform.clock.monotonic() + window);
    const [oldest] = this.#parked;
    if (this.#parked.size > limit && oldest) this.#forget(oldest[1], oldest[0]);
  }

  /** Takes over what this handle stands for, once; `undefined` where that is nothing of this uid's. */
  take(handle: string, uid: string): ParkedSession | undefined {
    const holder = this.#holders.get(handle);
    if (holder?.uid === uid) holder.giveWay();
    const parked = this.#parked.get(handle);
    const isTheirs = parked?.uid === uid;
    this.#resumes.add(1, isTheirs ? 'resumed' : 'unknown');
    if (!isTheirs) return undefined;
    this.#forget(parked, handle);
    return parked;
  }

  /** The server stops: nothing can be resumed here any more. */
  close(): void {
    this.#closed = true;
    for (const session of this.#parked.values()) this.#expiries.clear(session);
    this.#parked.clear();
  }

  #forget(session: object, handle = this.#handleOf(session)): void {
    this.#expiries.clear(session);
    if (handle !== undefined) this.#parked.delete(handle);
  }

  /** Sessions end in about the order in which they dropped: it is found at the beginning. */
  #handleOf(session: object): string | undefined {
    for (const [handle, parked] of this.#parked) if (parked === session) return handle;
    return undefined;
  }
}
