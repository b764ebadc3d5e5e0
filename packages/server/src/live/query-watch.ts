import { createHash } from 'node:crypto';
import { type Auth, fail, fieldsOfRql, ProtocolError, type RqlExpression } from '@really/protocol';
import type { Model } from '../model/model.js';
import { isKnownPath } from '../queries/filter.js';
import { filterText } from '../queries/filter-text.js';
import { ownerOf } from '../queries/owner.js';
import type { Hit } from '../queries/search.js';
import type { Order, Pos, Scope } from '../store/store.js';
import { keyOfAudience } from './audience.js';
import type { Listener } from './listener.js';
import type { LiveContext } from './live-context.js';
import { modelOf } from './live-context.js';
import type { Members } from './members.js';
import { keptFields } from './model-change.js';
import type { ParkedWindows } from './parked-windows.js';
import type { Position } from './position.js';
import type { QueryFeed } from './query-feed.js';
import type { GroupTraits, Joined, QueryGroup } from './query-group.js';
import { happenedSince } from './query-since.js';
import { type Known, QuerySubscription } from './query-subscription.js';
import type { Session } from './session.js';
import { demandForEveryObject, demandSubscribable, knownModel } from './subscribing.js';
import { windowPrice } from './window-price.js';

/** A read with `subscribe`: the window that it wants to hear of. */
export interface WatchRequest {
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
  readonly left?: LeftBehind | undefined;
}

export interface LeftBehind {
  /** Rights there. */
  readonly auth: Auth;
  /** The furthest position that was told. */
  readonly heard: Pos;
  /** What was told, as far as it is remembered. */
  readonly known?: Known | undefined;
  /** True where that is just what the window was at `after`. */
  readonly isWhole: boolean;
}

export interface Watched {
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
export class QueryWatch {
  readonly #context: LiveContext;
  readonly #members: Members;
  readonly #feed: QueryFeed;
  readonly #parkedWindows: ParkedWindows;

  constructor(
    context: LiveContext,
    parts: { members: Members; feed: QueryFeed; parkedWindows: ParkedWindows },
  ) {
    this.#context = context;
    this.#members = parts.members;
    this.#feed = parts.feed;
    this.#parkedWindows = parts.parkedWindows;
  }

  /** Rejects where it is refused. */
  async begin(session: Session, request: WatchRequest): Promise<Watched> {
    const { r, scope } = request;
    const model = knownModel(this.#context, scope.names);
    assertFits(model, request);
    demandSubscribable(model);
    await demandForEveryObject(model, session.listener, r);
    this.#feed.beginAt(await this.#context.store.position());
    const view = this.#context.views.of(model, session.listener.auth);
    const since = this.#sinceOf(request, view);
    const price = windowPrice(request.filter);
    this.#context.budget.demandCheap(price);
    const traits = traitsOf({ ...request, price }, session.listener, view);
    const { one, joined } = await this.#join(session, traits, { model, key: request.key });
    const { hits, pos } = joined;
    if (!one) return { subscription: '', view, hits: [], pos, start: () => {} };
    try {
      const left = request.left ?? (since && this.#leftAt(one, since));
      if (since !== undefined) await this.#goBack(one, model, since, left);
    } catch (error) {
      this.#members.end(one);
      throw error;
    }
    return { subscription: one.key, view, hits, pos, start: () => this.#start(one) };
  }

  #sinceOf({ after, since }: WatchRequest, view: string): Position | undefined {
    if (after || since === undefined) return after;
    return this.#context.positions.read(since, view, 'cmdOpts.since');
  }

  /** Its connection takes output again. */
  resume(one: QuerySubscription): void {
    if (one.progress !== 'paused') return;
    one.progress = 'behind';
    one.round += 1;
    one.group.refresh();
  }

  /** Its listener has another `auth` now. */
  reauthorize(one: QuerySubscription): void {
    const model = modelOf(this.#context, one.group.traits.scope.names);
    if (!model) return;
    const { listener } = one.session;
    const view = this.#context.views.of(model, listener.auth);
    const traits = traitsOf(one.group.traits, listener, view);
    if (traits.key === one.group.traits.key) return;
    takeStock(one);
    this.#move(one, traits, model);
  }

  /** Its collection has another model now: it is told the difference, and of another version every object of its window. */
  renew(
    one: QuerySubscription,
    model: Model,
    { isOtherVersion }: { isOtherVersion: boolean },
  ): void {
    const { traits: before } = one.group;
    try {
      assertFits(model, before);
    } catch (error) {
      this.#members.fail([one], error);
      return;
    }
    takeStock(one);
    if (isOtherVersion && one.known) one.known = asNeverHeard(one.known);
    one.replay = undefined;
    const fields = keptFields(model, before.fields);
    const { listener } = one.session;
    const view = this.#context.views.of(model, listener.auth);
    this.#move(one, traitsOf({ ...before, fields }, listener, view), model);
  }

  /** It goes on among those of these traits. What it knows was told under others. */
  #move(one: QuerySubscription, traits: GroupTraits, model: Model): void {
    one.isBetween = true;
    const group = this.#groupFor(one, traits, model);
    if (!group) return;
    one.group.leave(one);
    one.group = group;
    group.sit(one);
    if (one.progress === 'live') one.progress = 'behind';
    // Who waits for its answer is told the difference afterwards.
    if (one.progress === 'waiting') one.takeKept();
    one.round += 1;
    group.refresh();
  }

  #groupFor(one: QuerySubscription, traits: GroupTraits, model: Model): QueryGroup | undefined {
    try {
      return this.#feed.group(traits, model);
    } catch (error) {
      this.#members.fail([one], error);
      return undefined;
    }
  }

  /** The subscription is made in the moment in which its window is read: nothing falls in between. */
  #join(
    session: Session,
    traits: GroupTraits,
    { model, key }: { model: Model; key: string | undefined },
  ): Promise<{ one: QuerySubscription | undefined; joined: Joined }> {
    this.#members.demandRoom(session, 'query', traits.price);
    const group = this.#feed.group(traits, model);
    return new Promise((resolve, reject) => {
      const joined = (found: Joined) => {
        try {
          resolve({ one: this.#make(session, group, { ...found, key }), joined: found });
        } catch (error) {
          reject(error);
        }
      };
      group.join({ joined, failed: reject });
    });
  }

  #make(
    session: Session,
    group: QuerySubscription['group'],
    { hits, pos, wholeFrom, key }: Joined & { key: string | undefined },
  ): QuerySubscription | undefined {
    if (session.dropped) return undefined;
    this.#members.demandRoom(session, 'query', group.traits.price);
    const one = new QuerySubscription(session, group, key);
    one.known = new Map(hits.map(({ object, hidden }) => [object.r, { rev: object.rev, hidden }]));
    one.pos = pos;
    one.heard = pos;
    one.wholeFrom = wholeFrom;
    this.#members.begin(one);
    return one;
  }

  /**
   * What it knows is the window as it was at a position, or what it was told; what happened since is to be told. Rejects with
   * 410 `position.gone` where neither is known.
   */
  async #goBack(
    one: QuerySubscription,
    model: Model,
    since: Position,
    left: LeftBehind | undefined,
  ): Promise<void> {
    const { traits } = one.group;
    const isSame = since.view === traits.view;
    one.pos = since.pos;
    one.heard = Math.max(since.pos, left?.heard ?? 0);
    one.view = since.view;
    if (left?.known && !(left.isWhole && isSame)) return this.#goFrom(one, left.known);
    const auth = left?.auth ?? traits.auth;
    // The rules of a model that is not in force any more are not known.
    if (this.#context.views.of(model, auth) !== since.view) throw fail('position.gone');
    const options = { traits: isSame ? traits : { ...traits, auth }, since: since.pos };
    try {
      const past = await happenedSince(this.#context, model, { ...options, left });
      const known = new Map(past.shown.map((row) => [row.r, row]));
      if (isSame) {
        one.known = known;
        one.replay = past;
      } else if (past.ghosts > 0) throw fail('position.gone');
      // Under other rights it was another window.
      else this.#goFrom(one, known);
    } catch (error) {
      // The history does not say it all, but who knows what was told can be told the difference.
      if (!left?.known || !isGone(error)) throw error;
      this.#goFrom(one, left.known);
    }
  }

  /** What is known to whoever heard the window up to there, where a connection that dropped is still remembered. */
  #leftAt({ group: { traits } }: QuerySubscription, { pos }: Position): LeftBehind | undefined {
    const known = this.#parkedWindows.find({ key: traits.key, pos });
    return known && { auth: traits.auth, heard: pos, known, isWhole: true };
  }

  /** What it knows is this, which no position says: it is told the difference. */
  #goFrom(one: QuerySubscription, known: Known): void {
    one.known = known;
    one.isBetween = true;
  }

  #start(one: QuerySubscription): void {
    if (one.progress !== 'waiting') return;
    const kept = one.takeKept();
    const { replay, group } = one;
    if (replay && !group.replay(one)) return;
    if (kept && !one.isBetween && (replay?.isComplete ?? true)) {
      // Without a replay it is where its group was when it joined.
      if (!replay) one.known = undefined;
      group.begin(one, kept);
      return;
    }
    one.progress = 'behind';
    group.refresh();
  }
}

/** What it knows, before it goes on elsewhere: those who are live know what their group does. */
function takeStock(one: QuerySubscription): void {
  if (one.progress !== 'live') return;
  const { known, pos } = one.standing;
  one.known = known;
  one.pos = pos;
}

function isGone(error: unknown): boolean {
  return error instanceof ProtocolError && error.message === 'position.gone';
}

/** Throws 409 `query.invalid` where the query is about a field that the model does not have, or has no more. */
function assertFits(model: Model, { filter, order }: Pick<WatchRequest, 'filter' | 'order'>): void {
  const paths = [...(filter ? fieldsOfRql(filter) : []), order.field.split('.')];
  for (const path of paths) {
    if (!isKnownPath(model, path)) {
      throw fail('query.invalid', { query: [`the model has no field ${path.join('.')}`] });
    }
  }
}

/** Objects that somebody knows, but not as they are by now. */
export function asNeverHeard(known: Known): Known {
  return new Map([...known].map(([r, row]) => [r, { ...row, rev: 0 }]));
}

/** Everything in which queries differ whose subscribers get different pushes. */
function traitsOf(
  {
    r,
    scope,
    fields,
    filter,
    order,
    limit,
    price,
  }: Omit<WatchRequest, 'since' | 'after'> & Pick<GroupTraits, 'price'>,
  listener: Listener,
  view: string,
): GroupTraits {
  const { auth } = listener;
  const rest = JSON.stringify([order.field, order.descending, limit]);
  const question = `${filterText(filter)}${rest}`;
  const key = `${shortened(question)}${keyOfAudience(fields, view)}`;
  const owner = ownerOf(listener);
  return { key, r, scope, fields, filter, order, limit, price, auth, owner, view };
}

/** A question may be as long as a message, and there may be many. */
function shortened(question: string): string {
  if (question.length <= 256) return question;
  return createHash('sha256').update(question).digest('base64');
}
