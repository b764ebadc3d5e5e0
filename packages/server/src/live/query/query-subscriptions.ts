import {
  type Auth,
  fail,
  ProtocolError,
  type RqlExpression,
  type SortPosition,
} from '@really/protocol';
import type { Model } from '../../model/model.js';
import { unavailable } from '../../objects/unavailable.js';
import { ownerOf } from '../../queries/owner.js';
import type { Hit } from '../../queries/search.js';
import type { Order, Scope } from '../../store/store-reads.js';
import type { Pos } from '../../store/stored-object.js';
import type { LiveContext } from '../live-context.js';
import type { Position } from '../position.js';
import { queryGroupTraitsOf } from '../registry/group-traits.js';
import type { LiveSession } from '../registry/live-session.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type { ResumableWindows } from '../resume/resumable-windows.js';
import {
  assertQueryFits,
  assertSubscribable,
  authorizeCollection,
  requireModel,
} from '../subscribe-checks.js';
import { PausedRows } from './paused-rows.js';
import type { QueryFeed } from './query-feed.js';
import type { QueryGroup } from './query-group.js';
import type { WindowSnapshot } from './query-group-owner.js';
import type { QueryGroupTraits } from './query-group-traits.js';
import { QuerySubscription } from './query-subscription.js';
import { asOutdated, type KnownRows, knownRowsOf } from './query-window.js';
import { rewindTo } from './rewind/rewind.js';
import { isReread, windowCost } from './window-cost.js';

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
  /** The window begins after this position. */
  readonly from?: SortPosition | undefined;
  /** The opaque position of an earlier push. */
  readonly since?: string | undefined;
  /** As `since`, from the server: may be of another view, under which only `left` can be sent. */
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
  /** See `QuerySubscription`. */
  readonly newestSent: Pos;
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

interface QuerySubscriptionsDeps {
  readonly registry: SubscriptionRegistry;
  readonly feed: QueryFeed;
  readonly resumableWindows: ResumableWindows;
}

/** Subscriptions to queries: creates them, and resumes them. */
export class QuerySubscriptions {
  readonly #context: LiveContext;
  readonly #deps: QuerySubscriptionsDeps;
  readonly #pausedRows: PausedRows;

  constructor(context: LiveContext, deps: QuerySubscriptionsDeps) {
    this.#context = context;
    this.#deps = deps;
    this.#pausedRows = new PausedRows(context.limits.queryRows, deps.registry);
  }

  /** Rows that paused subscriptions know. */
  get pausedRows(): number {
    return this.#pausedRows.rows;
  }

  /** Rejects if the request is refused. */
  async subscribe(
    session: LiveSession,
    request: QuerySubscribeRequest,
    attempts = 3,
  ): Promise<SubscribedQuery> {
    const context = this.#context;
    const { pushTarget } = session;
    const { r, scope } = request;
    const model = requireModel(context, scope.names);
    assertQueryFits(model, request);
    assertSubscribable(model, pushTarget.auth);
    await authorizeCollection(model, pushTarget, r);
    context.cursor.beginAt(await context.store.position());
    const cost = windowCost(request.filter, { from: request.from, isReread: isReread(model, r) });
    const traits = queryGroupTraitsOf(context, model, { ...request, cost }, pushTarget);
    const { view } = traits;
    const { registry } = this.#deps;
    const since = this.#sinceOf(request, view);
    context.budget.assertWindowCost(cost);
    // What it took would count for nobody.
    const nothing = { subscription: '', view, hits: [], pos: 0, start: () => {} };
    if (session.dropped) return nothing;
    const { subscription, joined } = await this.#join(session, traits, { model, key: request.key });
    const { hits, pos } = joined;
    if (!subscription) return { ...nothing, pos };
    if (this.#hasOtherRights(session, traits, model)) {
      registry.end(subscription);
      if (attempts === 1) throw unavailable();
      return await this.subscribe(session, request, attempts - 1);
    }
    try {
      const resumeState =
        request.resumeState ?? (since && this.#resumeStateAt(subscription, since));
      if (since !== undefined) await this.#rewind(subscription, model, since, resumeState);
    } catch (error) {
      registry.end(subscription);
      throw error;
    }
    return {
      subscription: subscription.key,
      view,
      hits,
      pos,
      start: () => registry.start(subscription, () => subscription.group.start(subscription)),
    };
  }

  /** Whether an object that the rights depend on changed before the window was joined. */
  #hasOtherRights(
    { pushTarget: { auth } }: LiveSession,
    { finder, r, view }: QueryGroupTraits,
    model: Model,
  ): boolean {
    return finder !== undefined && this.#context.views.at(model, auth, r).view !== view;
  }

  #sinceOf({ after, since }: QuerySubscribeRequest, view: string): Position | undefined {
    if (after || since === undefined) return after;
    return this.#context.positions.read(since, view, 'cmdOpts.since');
  }

  /** Its output buffer has room again. */
  resume(subscription: QuerySubscription): void {
    if (subscription.progress !== 'paused' || subscription.isSuspended) return;
    subscription.fallBehind();
    subscription.generation += 1;
    subscription.group.refresh(subscription.session);
  }

  /** Registers the subscription synchronously when its window is read: no change is missed. */
  #join(
    session: LiveSession,
    traits: QueryGroupTraits,
    { model, key }: { model: Model; key: string | undefined },
  ): Promise<{ subscription: QuerySubscription | undefined; joined: WindowSnapshot }> {
    const reservation = this.#deps.registry.reserveQuery(session, traits.cost);
    return new Promise((resolve, reject) => {
      const failed = (error: unknown) => {
        reservation.release();
        reject(error);
      };
      const joined = (group: QueryGroup, found: WindowSnapshot) => {
        try {
          const subscription = this.#create(session, group, { ...found, key });
          if (subscription) reservation.register(subscription);
          else reservation.release();
          resolve({ subscription, joined: found });
        } catch (error) {
          failed(error);
        }
      };
      let group: QueryGroup;
      try {
        group = this.#deps.feed.group(traits, model, session.usage);
      } catch (error) {
        failed(error);
        return;
      }
      group.join({ session, resolve: (found) => joined(group, found), reject: failed });
    });
  }

  #create(
    session: LiveSession,
    group: QuerySubscription['group'],
    { hits, pos, exactFrom, key }: WindowSnapshot & { key: string | undefined },
  ): QuerySubscription | undefined {
    if (session.dropped) return undefined;
    const rows = new Map(hits.map(({ object, hidden }) => [object.r, { rev: object.rev, hidden }]));
    return new QuerySubscription(session, group, {
      key: key ?? session.newQueryId(),
      known: { rows, pos, isExact: pos >= exactFrom },
      newest: exactFrom,
      holder: this.#pausedRows,
    });
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
    const { pos } = since;
    const { traits } = subscription.group;
    const isSame = since.view === traits.view;
    subscription.sentPos = Math.max(pos, resumeState?.sentPos ?? 0);
    subscription.newestSent = resumeState?.newestSent ?? pos;
    subscription.view = since.view;
    const remembered = resumeState?.known;
    if (remembered && !(resumeState.isExact && isSame)) {
      subscription.continueFrom({ rows: remembered, pos, isExact: false });
      return;
    }
    const auth = resumeState?.auth ?? traits.auth;
    // The rules of a replaced model are not known.
    const then = this.#context.views.at(model, auth, traits.r);
    if (then.view !== since.view) throw fail('position.gone');
    const { finder } = then;
    const owner = ownerOf(subscription.session.pushTarget);
    const options = {
      traits: isSame ? { ...traits, owner } : { ...traits, owner, auth, finder },
      ...{ since: pos, resumeState, session: subscription.session },
    };
    const { generation } = subscription;
    try {
      const past = await rewindTo(this.#context, model, options);
      const rows = knownRowsOf(past.shown);
      const isMoved = subscription.generation !== generation;
      if (isSame && !isMoved) subscription.continueFrom({ rows, pos, isExact: true }, past);
      else if (past.deletedCandidates > 0) throw fail('position.gone');
      // Under other rights it was another window.
      else {
        const known = isMoved ? asOutdated(rows) : rows;
        subscription.continueFrom({ rows: known, pos, isExact: false });
      }
    } catch (error) {
      // The history does not reach back, but the difference from remembered rows can be sent.
      if (!remembered || !isGone(error)) throw error;
      subscription.continueFrom({ rows: remembered, pos, isExact: false });
    }
  }

  /** The rows known at that position, if a resumable session still holds them. */
  #resumeStateAt(
    { group: { traits } }: QuerySubscription,
    { pos }: Position,
  ): QueryResumeState | undefined {
    const known = this.#deps.resumableWindows.find({ key: traits.key, pos });
    return known && { auth: traits.auth, sentPos: pos, newestSent: pos, known, isExact: true };
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ProtocolError && error.message === 'position.gone';
}
