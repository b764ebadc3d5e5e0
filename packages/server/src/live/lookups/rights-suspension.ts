import { mayHide } from '../../model/view/view.js';
import type { Steps } from '../../platform/scheduling/tick-slice.js';
import { SetMap } from '../../platform/set-map.js';
import type { CollectionCatchUp } from '../collection/collection-catch-up.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { ObjectCatchUp } from '../object/object-catch-up.js';
import type { QuerySubscription } from '../query/query-subscription.js';
import type { GroupReassignment } from '../registry/group-reassignment.js';
import type { Subscription } from '../registry/live-session.js';
import type { SubscriptionOwner } from '../registry/subscription-owner.js';
import type {
  GroupedSubscription,
  SubscriptionRegistry,
} from '../registry/subscription-registry.js';
import { collectionNamesOf } from '../reload/model-change.js';

interface RightsSuspensionDeps {
  readonly registry: SubscriptionRegistry;
  readonly reassignment: GroupReassignment;
  readonly objects: ObjectCatchUp;
  readonly collections: CollectionCatchUp;
}

interface Suspended {
  readonly session: SubscriptionOwner;
  readonly subscription: GroupedSubscription;
  readonly generation: number;
  /** Of its rights then. */
  readonly group: GroupedSubscription['group'];
  /** It had received everything that was delivered. */
  readonly wasLive: boolean;
}

/** Subscriptions whose rights are compared before the clock is looked at. */
const comparedAtOnce = 64;
/** As `comparedAtOnce`, of live queries, which may have to be moved to another window. */
const queriesAtOnce = 16;

/**
 * Authorizes subscriptions again when an object changes that their rights depend on. There may be as many as a user may
 * have, so at once they are only suspended: nothing is pushed to them under their old rights. Whether they have others
 * is seen afterwards, in slices (rule LIM43). Until then, and while they wait to be caught up, further changes do not
 * concern them.
 */
export class RightsSuspension {
  readonly #context: LiveContext;
  readonly #deps: RightsSuspensionDeps;

  constructor(context: LiveContext, deps: RightsSuspensionDeps) {
    this.#context = context;
    this.#deps = deps;
  }

  /** When it returns, nothing more is pushed to these under their old rights. */
  authorizeAgain(subscriptions: Iterable<Subscription>): void {
    const suspended: Suspended[] = [];
    const queries: QuerySubscription[] = [];
    const unanswered: Subscription[] = [];
    for (const subscription of subscriptions) {
      if (subscription.progress === 'waiting') unanswered.push(subscription);
      else if (subscription.kind !== 'query') suspended.push(this.#suspend(subscription));
      else if (!subscription.isSuspended) queries.push(subscription);
    }
    this.#reassign(unanswered);
    this.#reassignQueries(queries);
    this.#bySession(suspended, (some) => this.#authorize(some));
  }

  /** Does this for those of each session, in slices. */
  #bySession<T extends { readonly session: SubscriptionOwner }>(
    all: readonly T[],
    steps: (some: ReadonlySet<T>) => Steps,
  ): void {
    const bySession = new SetMap<SubscriptionOwner, T>();
    for (const one of all) bySession.add(one.session, one);
    const { inFlight, slice } = this.#context;
    for (const [{ pushTarget }, some] of bySession)
      inFlight.during(slice.run(steps(some), pushTarget.address));
  }

  /** Those that receive nothing yet. */
  #reassign(subscriptions: readonly Subscription[]): void {
    const { registry, reassignment } = this.#deps;
    for (const subscription of subscriptions) {
      if (subscription.kind !== 'object') continue;
      // In another group it is authorized once more when it starts.
      if (registry.assignGroup(subscription)) registry.unwatchRights(subscription);
    }
    reassignment.reauthorize(subscriptions, 'lookup');
  }

  /**
   * At once those for which there is time: the others are paused, and their windows read again if
   * they have other rights or anything was written meanwhile.
   */
  #reassignQueries(queries: readonly QuerySubscription[]): void {
    let done = 0;
    do {
      this.#deps.reassignment.reauthorize(queries.slice(done, done + queriesAtOnce), 'lookup');
      done += queriesAtOnce;
    } while (done < queries.length && !this.#context.slice.isOver);
    const suspended: QuerySubscription[] = [];
    for (const query of queries.slice(done)) {
      if (query.progress === 'ended') continue;
      query.suspend();
      suspended.push(query);
    }
    this.#bySession(suspended, (some) => this.#resumeQueries(some));
  }

  *#resumeQueries(queries: Iterable<QuerySubscription>): Steps {
    for (const query of queries) {
      yield;
      if (query.progress === 'ended') continue;
      const { group } = query;
      query.resumed();
      this.#deps.reassignment.reauthorize([query], 'lookup');
      const isBehind = query.group === group && query.progress === 'behind';
      if (isBehind && !query.goesOn()) group.refresh();
    }
  }

  #suspend(subscription: GroupedSubscription): Suspended {
    const { progress, session } = subscription;
    this.#deps.registry.unwatchRights(subscription);
    session.pushTarget.discardSent?.(subscription.key);
    let wasLive = progress === 'live';
    if (subscription.kind === 'object') {
      const model = modelOf(this.#context, subscription.topic.names);
      // As in `GroupReassignment`: which fields were hidden can be told only by the old rights.
      const isForgotten = subscription.hidden === undefined && model && mayHide(model);
      if (isForgotten && subscription.catchUpMode === 'revisions')
        subscription.catchUpMode = 'renewed';
      if (wasLive) subscription.catchUpMode = 'revisions';
    } else if (subscription.topic.backlog) {
      // A delivery of its group is in flight.
      wasLive = false;
    } else if (wasLive) {
      subscription.pos = Math.max(subscription.pos, subscription.topic.appliedPos);
    }
    // One that is paused is authorized when it goes on.
    if (progress !== 'paused') {
      subscription.progress = 'behind';
      subscription.generation += 1;
    }
    const { generation, group } = subscription;
    return { session, subscription, generation, group, wasLive };
  }

  *#authorize(suspended: Iterable<Suspended>): Steps {
    let viewNow = this.#context.views.inOneRun();
    let compared = 0;
    for (const each of suspended) {
      const { subscription, generation } = each;
      // Otherwise its catch-up was begun by something else, or it ended.
      if (subscription.generation === generation && subscription.progress === 'behind') {
        try {
          this.#authorizeOne(each, viewNow);
        } catch (error) {
          this.#deps.registry.fail([subscription], error);
        }
      }
      compared += 1;
      if (compared % comparedAtOnce > 0) continue;
      yield;
      viewNow = this.#context.views.inOneRun();
    }
  }

  #authorizeOne(
    { subscription, group, wasLive }: Suspended,
    viewNow: ReturnType<LiveContext['views']['inOneRun']>,
  ): void {
    const { registry, objects, collections } = this.#deps;
    const { session, topic } = subscription;
    const model = modelOf(this.#context, collectionNamesOf(subscription));
    const isSame =
      subscription.group === group &&
      model !== undefined &&
      viewNow(model, session.pushTarget.auth, topic.r) === group.view;
    if (wasLive && isSame && hasAllApplied(subscription)) {
      registry.watchRights(subscription);
      subscription.progress = 'live';
      if (subscription.kind === 'object') subscription.catchUpMode = 'changes';
    } else if (subscription.kind === 'object') objects.begin(subscription);
    else if (wasLive) collections.beginFromPos(subscription);
    else collections.begin(subscription);
  }
}

function hasAllApplied(subscription: GroupedSubscription): boolean {
  return subscription.kind === 'object'
    ? subscription.rev >= subscription.topic.rev
    : subscription.pos >= subscription.topic.appliedPos;
}
