import { ownerOf } from '../../queries/owner.js';
import type { PushTarget } from '../push-target.js';
import { LiveSession, type Subscription } from './live-session.js';
import type { OwnedSubscription, SubscriptionOwner } from './subscription-owner.js';
import type { UserUsage, UserUsages } from './user-usages.js';

/** All connections that have or had a subscription, and the number of subscriptions. */
export class LiveSessions {
  readonly #byTarget = new Map<PushTarget, LiveSession>();
  /** Closed connections: a command still in flight for one must not open a new session. */
  readonly #gone = new WeakSet<PushTarget>();
  readonly #usages: UserUsages;
  readonly counts: Record<Subscription['kind'], number> = { object: 0, collection: 0, query: 0 };

  constructor(usages: UserUsages) {
    this.#usages = usages;
  }

  get size(): number {
    return this.#byTarget.size;
  }

  all(): LiveSession[] {
    return [...this.#byTarget.values()];
  }

  *subscriptions(): Iterable<Subscription> {
    for (const session of this.#byTarget.values()) yield* session.subscriptions.values();
  }

  /** Those of one user, which may end meanwhile. */
  *subscriptionsOf(usage: UserUsage): Iterable<Subscription> {
    for (const session of this.#byTarget.values())
      if (session.usage === usage) yield* session.subscriptions.values();
  }

  find(pushTarget: PushTarget): LiveSession | undefined {
    return this.#byTarget.get(pushTarget);
  }

  /** Returns the session of the connection, creating it if needed. */
  open(pushTarget: PushTarget): LiveSession {
    const known = this.#byTarget.get(pushTarget);
    if (known) return known;
    const session = new LiveSession(pushTarget, this.#usages.acquire(ownerOf(pushTarget)));
    if (this.#gone.has(pushTarget)) {
      session.dropped = true;
      this.#usages.release(session.usage);
    } else this.#byTarget.set(pushTarget, session);
    return session;
  }

  /** Removes the session. The caller ends its subscriptions and then calls `release`. */
  close(pushTarget: PushTarget): LiveSession | undefined {
    this.#gone.add(pushTarget);
    const session = this.#byTarget.get(pushTarget);
    if (!session) return undefined;
    session.dropped = true;
    this.#byTarget.delete(pushTarget);
    return session;
  }

  /** Call after `close`, when its subscriptions have ended. */
  release(session: LiveSession): void {
    this.#usages.release(session.usage);
  }

  add(session: SubscriptionOwner, subscription: OwnedSubscription): void {
    session.subscriptions.add(subscription);
    this.#count(session, subscription, 1);
  }

  remove(session: SubscriptionOwner, subscription: OwnedSubscription): void {
    session.subscriptions.delete(subscription);
    this.#count(session, subscription, -1);
  }

  #count(session: SubscriptionOwner, subscription: OwnedSubscription, by: 1 | -1): void {
    const { kind } = subscription;
    this.counts[kind] += by;
    if (kind === 'query') session.queries += by;
  }
}
