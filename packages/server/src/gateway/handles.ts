import type { Auth } from '@really/protocol';
import type { TokenIdentity } from '../auth/token-identity.js';
import { bytesOf, type Parked } from '../live/parked.js';
import { Deadlines } from '../platform/deadlines.js';
import type { Metrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import { ownerOf } from '../queries/owner.js';
import type { KeptPlace, KeptPlaces } from './kept-places.js';
import type { LiveTokens, TokenHolder } from './live-tokens.js';
import type { SentPushes } from './sent-pushes.js';
import type { SessionHost } from './session-host.js';

/** What is left of a session whose connection dropped. */
export interface ParkedSession {
  /** What it had; `undefined` where that was revoked. */
  readonly token: TokenIdentity | undefined;
  /** Who it was, and from where. */
  readonly auth: Auth;
  readonly address: string;
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
  /** What is kept for those that dropped, in all. */
  readonly kept: KeptPlaces;
  readonly liveTokens: Pick<LiveTokens, 'hold' | 'release'>;
  /** Where what was parked is told that it is not any more. */
  readonly live: Pick<SessionHost['live'], 'forget'>;
}

/** Bytes of memory of a parked session beside what it holds, about. */
const bytesOfPlace = 2048;

/** A parked session, which is forgotten when its token is revoked. */
class Place implements TokenHolder, KeptPlace {
  readonly handle: string;
  readonly session: ParkedSession;
  readonly owner: string;
  readonly own: number;
  readonly buffers: readonly Buffer[];
  readonly #forget: (place: Place) => void;

  constructor(handle: string, session: ParkedSession, forget: (place: Place) => void) {
    this.handle = handle;
    this.session = session;
    this.owner = ownerOf(session);
    this.own = bytesOfPlace + (session.sent?.own ?? 0) + bytesOf(session.subscriptions);
    this.buffers = session.sent?.buffers ?? [];
    this.#forget = forget;
  }

  revoked(): void {
    this.#forget(this);
  }

  forget(): void {
    this.#forget(this);
  }
}

/** By their connection-handles: the sessions of a gateway, and those that dropped and may be resumed (section RES). */
export class Handles {
  readonly #options: HandlesOptions;
  readonly #holders = new Map<string, HandleHolder>();
  /** In the order in which they dropped. */
  readonly #parked = new Map<string, Place>();
  readonly #expiries: Deadlines;
  readonly #resumes;
  #closed = false;

  constructor(options: HandlesOptions) {
    const { platform, metrics } = options;
    this.#options = options;
    this.#expiries = new Deadlines({
      platform,
      clock: 'monotonic',
      due: (key) => {
        if (key instanceof Place) this.#forget(key);
      },
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
    const { window, platform, live, liveTokens } = this.#options;
    if (this.#closed || window === 0) return;
    const session = parked();
    const { token } = session;
    const place = new Place(handle, session, (one) => this.#forget(one));
    if (!token || !liveTokens.hold(place, token)) {
      live.forget(session.subscriptions);
      return;
    }
    this.#parked.set(handle, place);
    this.#expiries.set(place, platform.clock.monotonic() + window);
    this.#options.kept.add(place);
  }

  /** Takes over what this handle stands for, once; `undefined` where that is nothing of this uid's. */
  take(handle: string, uid: string): ParkedSession | undefined {
    const holder = this.#holders.get(handle);
    if (holder?.uid === uid) holder.giveWay();
    const place = this.#parked.get(handle);
    const isTheirs = place?.session.token?.uid === uid;
    this.#resumes.add(1, isTheirs ? 'resumed' : 'unknown');
    if (!isTheirs) return undefined;
    this.#forget(place);
    return place.session;
  }

  /** The server stops: nothing can be resumed here any more. */
  close(): void {
    this.#closed = true;
    for (const place of this.#parked.values()) this.#forget(place);
  }

  #forget(place: Place): void {
    const { live, liveTokens } = this.#options;
    if (!this.#parked.delete(place.handle)) return;
    this.#options.kept.delete(place);
    liveTokens.release(place);
    this.#expiries.clear(place);
    live.forget(place.session.subscriptions);
  }
}
