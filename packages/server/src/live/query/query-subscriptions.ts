import { createHash } from 'node:crypto';
import { type Auth, fail, fieldsOfRql, ProtocolError, type RqlExpression } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { isKnownPath } from '../../queries/filter.js';
import { filterText } from '../../queries/filter-text.js';
import { ownerOf } from '../../queries/owner.js';
import type { Hit } from '../../queries/search.js';
import type { Order, Pos, Scope } from '../../store/store.js';
import type { LiveContext } from '../live-context.js';
import { modelOf } from '../live-context.js';
import type { Position } from '../position.js';
import type { PushTarget } from '../push-target.js';
import type { LiveSession } from '../registry/live-session.js';
import { groupKeyOf } from '../registry/subscriber-group.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import { survivingFields } from '../reload/model-change.js';
import type { ResumableWindows } from '../resume/resumable-windows.js';
import { assertSubscribable, authorizeCollection, requireModel } from '../subscribe-checks.js';
import type { QueryFeed } from './query-feed.js';
import type { QueryGroup, WindowSnapshot } from './query-group.js';
import type { QueryGroupTraits } from './query-group-traits.js';
import { QuerySubscription } from './query-subscription.js';
import type { KnownRows } from './query-window.js';
import { rewindTo } from './rewind/rewind.js';
import { windowCost } from './window-cost.js';

/** A read with `subscribe`: the window that it wants to hear of. */
export interface QuerySubscribeRequest {
  /** The collection, printed. */
  readonly r: string;
  readonly scope: Scope;
  /** Resolved; `undefined`: all. */
  readonly fields?: readonly string[] | undefined;
  /** Judged on what the reader sees. */
  readonly filter?: RqlExpression | undefined;
  readonly order: Order;
  readonly limit: number;
  /** The position of an earlier push, as it was told. */
  readonly since?: string | undefined;
  /** In its place, where the server knows it: what was told under another view only `left` can say. */
  readonly after?: Position | undefined;
  /** The id that it had on an earlier connection. */
  readonly key?: string | undefined;
  /** Of one that goes on after an earlier connection: how that one was left, `after` apart. */
  readonly resumeState?: QueryResumeState | undefined;
}

export interface QueryResumeState {
  /** Rights there. */
  readonly auth: Auth;
  /** The furthest position that was told. */
  readonly sentPos: Pos;
  /** What was told, as far as it is remembered. */
  readonly known?: KnownRows | undefined;
  /** True where that is just what the window was at `after`. */
  readonly isExact: boolean;
}

export interface SubscribedQuery {
  /** `meta.subscription`. */
  readonly subscription: string;
  /** `meta.view`. */
  readonly view: string;
  /** The window as of now, which is the read's answer. */
  readonly hits: readonly Hit[];
  /** Of the store when the window was read. */
  readonly pos: Pos;
  /** To be called when the answer is queued: pushes flow from then on. */
  readonly start: () => void;
}

/** Subscriptions to queries: how they begin, move, and go on after a pause. */
export class QuerySubscriptions {
  readonly #context: LiveContext;
  readonly #registry: SubscriptionRegistry;
  readonly #feed: QueryFeed;
  readonly #resumableWindows: ResumableWindows;

  constructor(
    context: LiveContext,
    deps: { registry: SubscriptionRegistry; feed: QueryFeed; resumableWindows: ResumableWindows },
  ) {
    this.#context = context;
    this.#registry = deps.registry;
    this.#feed = deps.feed;
    this.#resumableWindows = deps.resumableWindows;
  }

  /** Rejects where it is refused. */
  async subscribe(session: LiveSession, request: QuerySubscribeRequest): Promise<SubscribedQuery> {
    const { r, scope } = request;
    const model = requireModel(this.#context, scope.names);
    assertFits(model, request);
    assertSubscribable(model);
    await authorizeCollection(model, session.pushTarget, r);
    this.#feed.beginAt(await this.#context.store.position());
    const view = this.#context.views.of(model, session.pushTarget.auth);
    const since = this.#sinceOf(request, view);
    const cost = windowCost(request.filter);
    this.#context.budget.assertWindowCost(cost);
    const traits = queryGroupTraitsOf({ ...request, cost }, session.pushTarget, view);
    const { subscription, joined } = await this.#join(session, traits, { model, key: request.key });
    const { hits, pos } = joined;
    if (!subscription) return { subscription: '', view, hits: [], pos, start: () => {} };
    try {
      const resumeState =
        request.resumeState ?? (since && this.#resumeStateAt(subscription, since));
      if (since !== undefined) await this.#rewind(subscription, model, since, resumeState);
    } catch (error) {
      this.#registry.end(subscription);
      throw error;
    }
    return {
      subscription: subscription.key,
      view,
      hits,
      pos,
      start: () => this.#start(subscription),
    };
  }

  #sinceOf({ after, since }: QuerySubscribeRequest, view: string): Position | undefined {
    if (after || since === undefined) return after;
    return this.#context.positions.read(since, view, 'cmdOpts.since');
  }

  /** Its connection takes output again. */
  resume(subscription: QuerySubscription): void {
    if (subscription.progress !== 'paused') return;
    subscription.progress = 'behind';
    subscription.generation += 1;
    subscription.group.refresh();
  }

  /** Its listener has another `auth` now. */
  authChanged(subscription: QuerySubscription): void {
    const model = modelOf(this.#context, subscription.group.traits.scope.names);
    if (!model) return;
    const { pushTarget } = subscription.session;
    const view = this.#context.views.of(model, pushTarget.auth);
    const traits = queryGroupTraitsOf(subscription.group.traits, pushTarget, view);
    if (traits.key === subscription.group.traits.key) return;
    captureKnown(subscription);
    this.#move(subscription, traits, model);
  }

  /** Its collection has another model now: it is told the difference, and of another version every object of its window. */
  changeModel(
    subscription: QuerySubscription,
    model: Model,
    { isOtherVersion }: { isOtherVersion: boolean },
  ): void {
    const { traits: before } = subscription.group;
    try {
      assertFits(model, before);
    } catch (error) {
      this.#registry.fail([subscription], error);
      return;
    }
    captureKnown(subscription);
    if (isOtherVersion && subscription.known) subscription.known = asOutdated(subscription.known);
    subscription.rewind = undefined;
    const fields = survivingFields(model, before.fields);
    const { pushTarget } = subscription.session;
    const view = this.#context.views.of(model, pushTarget.auth);
    this.#move(subscription, queryGroupTraitsOf({ ...before, fields }, pushTarget, view), model);
  }

  /** It goes on among those of these traits. What it knows was told under others. */
  #move(subscription: QuerySubscription, traits: QueryGroupTraits, model: Model): void {
    subscription.isPartial = true;
    const group = this.#groupFor(subscription, traits, model);
    if (!group) return;
    subscription.group.detach(subscription);
    subscription.group = group;
    group.attach(subscription);
    if (subscription.progress === 'live') subscription.progress = 'behind';
    // Who waits for its answer is told the difference afterwards.
    if (subscription.progress === 'waiting') subscription.drain();
    subscription.generation += 1;
    group.refresh();
  }

  #groupFor(
    subscription: QuerySubscription,
    traits: QueryGroupTraits,
    model: Model,
  ): QueryGroup | undefined {
    try {
      return this.#feed.group(traits, model);
    } catch (error) {
      this.#registry.fail([subscription], error);
      return undefined;
    }
  }

  /** The subscription is made in the moment in which its window is read: nothing falls in between. */
  #join(
    session: LiveSession,
    traits: QueryGroupTraits,
    { model, key }: { model: Model; key: string | undefined },
  ): Promise<{ subscription: QuerySubscription | undefined; joined: WindowSnapshot }> {
    this.#registry.assertRoom(session, 'query', traits.cost);
    const group = this.#feed.group(traits, model);
    return new Promise((resolve, reject) => {
      const joined = (found: WindowSnapshot) => {
        try {
          resolve({ subscription: this.#create(session, group, { ...found, key }), joined: found });
        } catch (error) {
          reject(error);
        }
      };
      group.join({ resolve: joined, reject });
    });
  }

  #create(
    session: LiveSession,
    group: QuerySubscription['group'],
    { hits, pos, exactFrom, key }: WindowSnapshot & { key: string | undefined },
  ): QuerySubscription | undefined {
    if (session.dropped) return undefined;
    this.#registry.assertRoom(session, 'query', group.traits.cost);
    const subscription = new QuerySubscription(session, group, key ?? session.newQueryId());
    subscription.known = new Map(
      hits.map(({ object, hidden }) => [object.r, { rev: object.rev, hidden }]),
    );
    subscription.pos = pos;
    subscription.sentPos = pos;
    subscription.exactFrom = exactFrom;
    this.#registry.register(subscription);
    return subscription;
  }

  /**
   * What it knows is the window as it was at a position, or what it was told; what happened since is to be told. Rejects with
   * 410 `position.gone` where neither is known.
   */
  async #rewind(
    subscription: QuerySubscription,
    model: Model,
    since: Position,
    resumeState: QueryResumeState | undefined,
  ): Promise<void> {
    const { traits } = subscription.group;
    const isSame = since.view === traits.view;
    subscription.pos = since.pos;
    subscription.sentPos = Math.max(since.pos, resumeState?.sentPos ?? 0);
    subscription.view = since.view;
    if (resumeState?.known && !(resumeState.isExact && isSame))
      return this.#continueFrom(subscription, resumeState.known);
    const auth = resumeState?.auth ?? traits.auth;
    // The rules of a model that is not in force any more are not known.
    if (this.#context.views.of(model, auth) !== since.view) throw fail('position.gone');
    const options = { traits: isSame ? traits : { ...traits, auth }, since: since.pos };
    try {
      const past = await rewindTo(this.#context, model, { ...options, resumeState });
      const known = new Map(past.shown.map((row) => [row.r, row]));
      if (isSame) {
        subscription.known = known;
        subscription.rewind = past;
      } else if (past.deletedCandidates > 0) throw fail('position.gone');
      // Under other rights it was another window.
      else this.#continueFrom(subscription, known);
    } catch (error) {
      // The history does not say it all, but who knows what was told can be told the difference.
      if (!resumeState?.known || !isGone(error)) throw error;
      this.#continueFrom(subscription, resumeState.known);
    }
  }

  /** What is known to whoever heard the window up to there, where a connection that dropped is still remembered. */
  #resumeStateAt(
    { group: { traits } }: QuerySubscription,
    { pos }: Position,
  ): QueryResumeState | undefined {
    const known = this.#resumableWindows.find({ key: traits.key, pos });
    return known && { auth: traits.auth, sentPos: pos, known, isExact: true };
  }

  /** What it knows is this, which no position says: it is told the difference. */
  #continueFrom(subscription: QuerySubscription, known: KnownRows): void {
    subscription.known = known;
    subscription.isPartial = true;
  }

  #start(subscription: QuerySubscription): void {
    if (subscription.progress !== 'waiting') return;
    const buffered = subscription.drain();
    const { rewind: replay, group } = subscription;
    if (replay && !group.replay(subscription)) return;
    if (buffered && !subscription.isPartial && (replay?.isComplete ?? true)) {
      // Without a replay it is where its group was when it joined.
      if (!replay) subscription.known = undefined;
      group.activate(subscription, buffered);
      return;
    }
    subscription.progress = 'behind';
    group.refresh();
  }
}

/** What it knows, before it goes on elsewhere: those who are live know what their group does. */
function captureKnown(subscription: QuerySubscription): void {
  if (subscription.progress !== 'live') return;
  const { known, pos } = subscription.cursor;
  subscription.known = known;
  subscription.pos = pos;
}

function isGone(error: unknown): boolean {
  return error instanceof ProtocolError && error.message === 'position.gone';
}

/** Throws 409 `query.invalid` where the query is about a field that the model does not have, or has no more. */
function assertFits(
  model: Model,
  { filter, order }: Pick<QuerySubscribeRequest, 'filter' | 'order'>,
): void {
  const paths = [...(filter ? fieldsOfRql(filter) : []), order.field.split('.')];
  for (const path of paths) {
    if (!isKnownPath(model, path)) {
      throw fail('query.invalid', { query: [`the model has no field ${path.join('.')}`] });
    }
  }
}

/** Objects that somebody knows, but not as they are by now. */
export function asOutdated(known: KnownRows): KnownRows {
  return new Map([...known].map(([r, row]) => [r, { ...row, rev: 0 }]));
}

/** Everything in which queries differ whose subscribers get different pushes. */
function queryGroupTraitsOf(
  {
    r,
    scope,
    fields,
    filter,
    order,
    limit,
    cost,
  }: Omit<QuerySubscribeRequest, 'since' | 'after'> & Pick<QueryGroupTraits, 'cost'>,
  pushTarget: PushTarget,
  view: string,
): QueryGroupTraits {
  const { auth } = pushTarget;
  const rest = JSON.stringify([order.field, order.descending, limit]);
  const queryText = `${filterText(filter)}${rest}`;
  const key = `${shortenKey(queryText)}${groupKeyOf(fields, view)}`;
  const owner = ownerOf(pushTarget);
  return { key, r, scope, fields, filter, order, limit, cost, auth, owner, view };
}

/** A question may be as long as a message, and there may be many. */
function shortenKey(queryText: string): string {
  if (queryText.length <= 256) return queryText;
  return createHash('sha256').update(queryText).digest('base64');
}
