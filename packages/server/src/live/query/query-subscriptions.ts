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

/** A read with `subscribe`: the window to subscribe to. */
export interface QuerySubscribeRequest {
  /** The printed R of the collection. */
  readonly r: string;
  readonly scope: Scope;
  /** Resolved; `undefined`: all. */
  readonly fields?: readonly string[] | undefined;
  /** Evaluated on the fields that the reader sees. */
  readonly filter?: RqlExpression | undefined;
  readonly order: Order;
  readonly limit: number;
  /** The opaque position of an earlier push. */
  readonly since?: string | undefined;
  /**
   * As `since`, from the server itself: it may be of another view, under which only `left` can be
   * sent.
   */
  readonly after?: Position | undefined;
  /** The subscription's id on an earlier connection. */
  readonly key?: string | undefined;
  /** On resume: the state on the earlier connection. */
  readonly resumeState?: QueryResumeState | undefined;
}

export interface QueryResumeState {
  /** The rights on the earlier connection. */
  readonly auth: Auth;
  /** The latest position sent. */
  readonly sentPos: Pos;
  /** The rows that the client knows, if still remembered. */
  readonly known?: KnownRows | undefined;
  /** True if `known` is exactly the window at `after`. */
  readonly isExact: boolean;
}

export interface SubscribedQuery {
  /** `meta.subscription`. */
  readonly subscription: string;
  /** `meta.view`. */
  readonly view: string;
  /** The current window: the response of the read. */
  readonly hits: readonly Hit[];
  /** The store's position when the window was read. */
  readonly pos: Pos;
  /** Call when the response is queued: starts the pushes. */
  readonly start: () => void;
}

/** Subscriptions to queries: creates them, moves them between groups, and resumes them. */
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

  /** Rejects if the request is refused. */
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

  /** Its output buffer has room again. */
  resume(subscription: QuerySubscription): void {
    if (subscription.progress !== 'paused') return;
    subscription.progress = 'behind';
    subscription.generation += 1;
    subscription.group.refresh();
  }

  /** The connection's `auth` changed. */
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

  /**
   * The model of its collection changed: sends the difference, or every object of the window if the
   * version changed.
   */
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

  /** Moves it to the group of these traits; what it knows was sent under others. */
  #move(subscription: QuerySubscription, traits: QueryGroupTraits, model: Model): void {
    subscription.isPartial = true;
    const group = this.#groupFor(subscription, traits, model);
    if (!group) return;
    subscription.group.detach(subscription);
    subscription.group = group;
    group.attach(subscription);
    if (subscription.progress === 'live') subscription.progress = 'behind';
    // A waiting subscription is sent the difference later instead of what it buffered.
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

  /**
   * Registers the subscription synchronously when its window is read, so that no change is missed
   * in between.
   */
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
   * Sets what the client knows: the window at a position, or the remembered rows. Changes since are
   * sent later. Rejects with 410 `position.gone` if neither is known.
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
    // The rules of a replaced model are not known.
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
      // The history does not reach back, but the difference from remembered rows can be sent.
      if (!resumeState?.known || !isGone(error)) throw error;
      this.#continueFrom(subscription, resumeState.known);
    }
  }

  /** The rows known at that position, if a resumable session still holds them. */
  #resumeStateAt(
    { group: { traits } }: QuerySubscription,
    { pos }: Position,
  ): QueryResumeState | undefined {
    const known = this.#resumableWindows.find({ key: traits.key, pos });
    return known && { auth: traits.auth, sentPos: pos, known, isExact: true };
  }

  /**
   * The client knows these rows, which are not of a single position: the difference will be sent.
   */
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

/**
 * Saves what the subscription knows before it moves: a live subscription knows what its group does.
 */
function captureKnown(subscription: QuerySubscription): void {
  if (subscription.progress !== 'live') return;
  const { known, pos } = subscription.cursor;
  subscription.known = known;
  subscription.pos = pos;
}

function isGone(error: unknown): boolean {
  return error instanceof ProtocolError && error.message === 'position.gone';
}

/**
 * Throws 409 `query.invalid` if the model does not have, or no longer has, a field of the query.
 */
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

/** Marks all rows as outdated. */
export function asOutdated(known: KnownRows): KnownRows {
  return new Map([...known].map(([r, row]) => [r, { ...row, rev: 0 }]));
}

/** The traits of the query group of a request. */
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

/** A query can be as long as a message, and there may be many. */
function shortenKey(queryText: string): string {
  if (queryText.length <= 256) return queryText;
  return createHash('sha256').update(queryText).digest('base64');
}
