import type { PushTarget } from '../push-target.js';
import { LiveSession } from './live-session.js';
import type { OwnedSubscription, SubscriptionOwner } from './subscription-owner.js';
import type { UserUsages } from './user-usages.js';

export type SubscriptionKind = 'object' | 'collection' | 'query';

/** All listeners that have, or had, a subscription, and how many subscriptions there are. */
export class LiveSessions {
  readonly #byTarget = new Map<PushTarget, LiveSession>();
  /** Listeners that are gone: a command that was under way when they went makes no new session. */
  readonly #gone = new WeakSet<PushTarget>();
  readonly #usages: UserUsages;
  readonly counts: Record<SubscriptionKind, number> = { object: 0, collection: 0, query: 0 };

  constructor(usages: UserUsages) {
    this.#usages = usages;
  }

  get size(): number {
    return this.#byTarget.size;
  }

  all(): LiveSession[] {
    return [...this.#byTarget.values()];
  }

  find(pushTarget: PushTarget): LiveSession | undefined {
    return this.#byTarget.get(pushTarget);
  }

  /** The listener's session, a new one where it has none. */
  open(pushTarget: PushTarget): LiveSession {
    const known = this.#byTarget.get(pushTarget);
    if (known) return known;
    const session = new LiveSession(pushTarget, this.#usages.acquire(pushTarget.auth.uid));
    if (this.#gone.has(pushTarget)) {
      session.dropped = true;
      this.#usages.release(session.usage);
    } else this.#byTarget.set(pushTarget, session);
    return session;
  }

  /** Forgets a listener for good. Its subscriptions are the caller's to end, and it to `leave` afterwards. */
  close(pushTarget: PushTarget): LiveSession | undefined {
    this.#gone.add(pushTarget);
    const session = this.#byTarget.get(pushTarget);
    if (!session) return undefined;
    session.dropped = true;
    this.#byTarget.delete(pushTarget);
    return session;
  }

  /** What it held with others of its uid was given back. */
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
