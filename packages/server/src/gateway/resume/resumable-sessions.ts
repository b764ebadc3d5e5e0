import type { Auth } from '@really/protocol';
import type { TokenIdentity } from '../../auth/token-identity.js';
import { bytesOf, type ResumableSubscription } from '../../live/resume/resumable-subscription.js';
import type { Metrics } from '../../platform/metrics.js';
import type { Random } from '../../platform/platform.js';
import type { RoomConnection } from '../../presence/membership.js';
import type { Rooms } from '../../presence/rooms.js';
import { ownerOf } from '../../queries/owner.js';
import type { ActiveTokens, TokenHolder } from './active-tokens.js';
import type { PushBuffer } from './push-buffer.js';
import type { ResumableEntries, ResumableEntry } from './resumable-entries.js';

/** What is kept of a session whose connection dropped. */
export interface ResumableSession {
  /** Its token; `undefined` if that was revoked. */
  readonly token: TokenIdentity | undefined;
  readonly auth: Auth;
  readonly address: string;
  readonly subscriptions: readonly ResumableSubscription[];
  readonly sent: PushBuffer | undefined;
  /** Its rooms; `undefined` if it is in none. */
  readonly rooms?: RoomConnection | undefined;
}

/** A session whose connection still seems to be open. */
export interface ConnectedSession {
  readonly uid: string | undefined;
  /** Another connection takes over: closes this one, and has parked it when this returns. */
  evict(): void;
}

export interface ResumableSessionsOptions {
  readonly metrics: Metrics;
  readonly resumable: ResumableEntries;
  readonly activeTokens: Pick<ActiveTokens, 'track' | 'untrack'>;
  readonly live: { releaseParked(subscriptions: readonly ResumableSubscription[]): void };
  readonly rooms: Pick<Rooms, 'release'>;
}

/** Approximate bytes of memory of a parked session, without what it holds. */
const bytesPerEntry = 2048;

/** A resumable session that one connection is about to take over. */
export interface ResumeClaim {
  readonly handle: string;
  readonly session: ResumableSession;
  isClaimed: boolean;
}

type ParkedEntry = ResumeClaim & ResumableEntry & TokenHolder;

/** A connection-handle: 128 random bits, since it lets the same user take over the session. */
export function newHandle(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('base64url');
}

/** By connection-handle: the sessions of a gateway, connected and resumable (section RES). */
export class ResumableSessions {
  readonly #options: ResumableSessionsOptions;
  readonly #connected = new Map<string, ConnectedSession>();
  /** In the order in which they dropped. */
  readonly #parked = new Map<string, ParkedEntry>();
  readonly #resumes;
  #closed = false;

  constructor(options: ResumableSessionsOptions) {
    const { metrics } = options;
    this.#options = options;
    this.#resumes = metrics.counter('really_resumes_total', 'Attempts to resume a connection.', [
      'outcome',
    ]);
    metrics.observe('really_resumable_sessions', 'Sessions that can be resumed.', () => {
      return this.#parked.size;
    });
  }

  register(handle: string, connected: ConnectedSession): void {
    this.#connected.set(handle, connected);
  }

  /** The connection of this handle has closed. */
  park(handle: string, parked: () => ResumableSession): void {
    if (!this.#connected.delete(handle)) return;
    const { resumable, activeTokens } = this.#options;
    if (this.#closed || resumable.window === 0) return;
    const session = parked();
    const { token } = session;
    const entry = this.#entryFor(handle, session);
    if (!token || !activeTokens.track(entry, token)) {
      this.#release(session);
      return;
    }
    this.#parked.set(handle, entry);
    resumable.add(entry);
  }

  /**
   * Reserves the session of this handle: no other connection gets it before `giveBack`. It stays
   * where it is counted, and may still be dropped, until `take`. `undefined` if there is none of
   * this uid.
   */
  claim(handle: string, uid: string): ResumeClaim | undefined {
    const connected = this.#connected.get(handle);
    if (connected?.uid === uid) connected.evict();
    const entry = this.#parked.get(handle);
    if (entry && !entry.isClaimed && entry.session.token?.uid === uid) {
      entry.isClaimed = true;
      return entry;
    }
    this.#resumes.add(1, 'unknown');
    return undefined;
  }

  giveBack(claim: ResumeClaim): void {
    claim.isClaimed = false;
  }

  /** Takes over a claimed session, once; `undefined` if it was dropped meanwhile. */
  take({ handle, session }: ResumeClaim): ResumableSession | undefined {
    const entry = this.#parked.get(handle);
    const isHeld = entry?.session === session && this.#forget(entry);
    this.#resumes.add(1, isHeld ? 'resumed' : 'unknown');
    if (!isHeld) return undefined;
    this.#options.live.releaseParked(session.subscriptions);
    return session;
  }

  /** The server stops: nothing can be resumed here any more. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#parked.values()) this.#drop(entry);
  }

  #entryFor(handle: string, session: ResumableSession): ParkedEntry {
    const { sent, subscriptions, rooms } = session;
    const drop = () => this.#drop(entry);
    const entry: ParkedEntry = {
      handle,
      session,
      isClaimed: false,
      owner: ownerOf(session),
      own: bytesPerEntry + (sent?.own ?? 0) + bytesOf(subscriptions) + (rooms?.bytes ?? 0),
      buffers: sent?.buffers ?? [],
      forget: drop,
      onRevoked: drop,
    };
    return entry;
  }

  /** It will not be resumed. */
  #drop(entry: ParkedEntry): void {
    if (this.#forget(entry)) this.#release(entry.session);
  }

  #release({ subscriptions, rooms: parkedRooms }: ResumableSession): void {
    const { live, rooms } = this.#options;
    live.releaseParked(subscriptions);
    if (parkedRooms) rooms.release(parkedRooms);
  }

  /** False if it was forgotten already. */
  #forget(entry: ParkedEntry): boolean {
    const { resumable, activeTokens } = this.#options;
    if (!this.#parked.delete(entry.handle)) return false;
    resumable.delete(entry);
    activeTokens.untrack(entry);
    return true;
  }
}
