import type { Listener } from './listener.js';
import { Session, type Subscription } from './session.js';
import type { Shares } from './shares.js';

export type SubscriptionKind = 'object' | 'collection' | 'query';

/** All listeners that have, or had, a subscription, and how many subscriptions there are. */
export class Sessions {
  readonly #byListener = new Map<Listener, Session>();
  /** Listeners that are gone: a command that was under way when they went makes no new session. */
  readonly #gone = new WeakSet<Listener>();
  readonly #shares: Shares;
  readonly counts: Record<SubscriptionKind, number> = { object: 0, collection: 0, query: 0 };

  constructor(shares: Shares) {
    this.#shares = shares;
  }

  get size(): number {
    return this.#byListener.size;
  }

  all(): Session[] {
    return [...this.#byListener.values()];
  }

  find(listener: Listener): Session | undefined {
    return this.#byListener.get(listener);
  }

  /** The listener's session, a new one where it has none. */
  open(listener: Listener): Session {
    const known = this.#byListener.get(listener);
    if (known) return known;
    const session = new Session(listener, this.#shares.enter(listener.auth.uid));
    if (this.#gone.has(listener)) {
      session.dropped = true;
      this.#shares.leave(session.share);
    } else this.#byListener.set(listener, session);
    return session;
  }

  /** Forgets a listener for good. Its subscriptions are the caller's to end, and it to `leave` afterwards. */
  close(listener: Listener): Session | undefined {
    this.#gone.add(listener);
    const session = this.#byListener.get(listener);
    if (!session) return undefined;
    session.dropped = true;
    this.#byListener.delete(listener);
    return session;
  }

  /** What it held with others of its uid was given back. */
  leave(session: Session): void {
    this.#shares.leave(session.share);
  }

  add(session: Session, subscription: Subscription): void {
    session.subscriptions.add(subscription);
    this.#count(session, subscription, 1);
  }

  remove(session: Session, subscription: Subscription): void {
    session.subscriptions.delete(subscription);
    this.#count(session, subscription, -1);
  }

  #count(session: Session, subscription: Subscription, by: 1 | -1): void {
    const { kind } = subscription;
    this.counts[kind] += by;
    if (kind === 'query') session.queries += by;
  }
}
