import {
  type Auth,
  compilePredicate,
  fail,
  type Predicate,
  type ProtocolError,
  type RqlExpression,
} from '@really/protocol';
import type { Model } from '../model/model.js';
import { ruleToRql } from '../model/rule-to-rql.js';
import { pushView, type View, visibleBody } from '../model/view.js';
import { unavailable } from '../objects/unavailable.js';
import { asSeen } from '../queries/readers-view.js';
import type { Hit } from '../queries/search.js';
import { placeOf } from '../store/order.js';
import type { CommittedChange, FieldType, Order, Pos, Scope } from '../store/store.js';
import type { Activity } from './activity.js';
import { type LiveContext, modelOf } from './live-context.js';
import { ownMarkOf } from './own-mark.js';
import { newsSince, rowOf } from './query-difference.js';
import { hitsNow } from './query-hits.js';
import { QueryMembers } from './query-members.js';
import { type News, ownNews, type WindowTraits } from './query-news.js';
import type { Known, QuerySubscription, Told } from './query-subscription.js';
import { type Crossing, QueryWindow, type Row } from './query-window.js';
import { readWithRetry } from './store-retry.js';
import { UnderWay } from './under-way.js';
import { isSameList, seenDelta } from './visible-fields.js';
import type { WindowPrice } from './window-price.js';

/** What makes queries alike: whoever asks the same, and is alike in rights, shares a window. */
export interface GroupTraits extends WindowTraits {
  readonly key: string;
  readonly scope: Scope;
  readonly filter: RqlExpression | undefined;
  readonly order: Order;
  readonly limit: number;
  readonly price: WindowPrice;
  /** Of the one who came first: the others are alike where it matters. */
  readonly auth: Auth;
  /** Whose turn its reads take: that of the one who came first. */
  readonly owner: string;
}

/** Where a group stands among the others. */
export interface GroupOwner {
  /** Whether so many rows more may be kept (rule LIM11). */
  hasRoomFor(more: number): boolean;
  /** An object is among its rows now. */
  kept(group: QueryGroup, r: string): void;
  /** An object is not among its rows any more. */
  dropped(group: QueryGroup, r: string): void;
  /** An object may come to be among its rows, or not: it has to hear of whatever happens to it. */
  expected(group: QueryGroup, r: string): void;
  /** An object is not among its rows, and will not be by what was heard of it so far. */
  unexpected(group: QueryGroup, r: string): void;
  /** While it reads its rows, any object may come to be among them. */
  loading(group: QueryGroup, loading: boolean): void;
  fail(subscriptions: readonly QuerySubscription[], cause: unknown): void;
  /** Reads of the store, when it is this group's turn. Rejects as the reading does. */
  inTurn<T>(group: QueryGroup, read: () => Promise<T>): Promise<T>;
  /** Every change up to here was offered to the groups that it may concern. */
  readonly through: Pos;
  /** Nobody is subscribed, and nobody is about to be. */
  deserted(group: QueryGroup): void;
}

/** The window as somebody who joins finds it. */
export interface Joined {
  readonly hits: readonly Hit[];
  readonly pos: Pos;
  /** What was written while they were read may be in it, up to here. */
  readonly wholeFrom: Pos;
}

/** How far those who are live have heard. */
export interface Standing {
  readonly pos: Pos;
  /** True where what they were told is just what the window was there. */
  readonly isWhole: boolean;
}

/** Exactly one of the two is called, once. */
export interface Joiner {
  /** In the very moment in which the rows are those of `found`. */
  readonly joined: (found: Joined) => void;
  readonly failed: (error: unknown) => void;
}

/** Changes that wait while rights are judged or the store is read; with more, the store is asked. */
const longestQueue = 4096;

function tooManyRows(): ProtocolError {
  return fail('rate.limited', undefined, { meta: { retryAfter: 1 } });
}

/** One window, and those who watch it. Changes are taken one at a time, in the order of their positions. */
export class QueryGroup {
  readonly traits: GroupTraits;
  readonly window: QueryWindow;
  /** What its index entry is made of. */
  readonly filters: readonly (RqlExpression | undefined)[];
  /** An object with a value of another type in one of these fields may be in it whatever the filters say. */
  readonly assumes: readonly FieldType[];
  readonly #context: LiveContext;
  readonly #activity: Activity;
  readonly #owner: GroupOwner;
  readonly #members: QueryMembers;
  readonly #matches: Predicate;
  #queue: CommittedChange[] = [];
  readonly #underWay = new UnderWay(
    (r) => this.#owner.expected(this, r),
    (r) => {
      if (!this.window.get(r)) this.#owner.unexpected(this, r);
    },
  );
  #joiners: Joiner[] = [];
  /** The rows have to be read from the store. */
  #stale = false;
  #isBusy = false;
  #isRetired = false;
  /** Everything up to here is in the rows. */
  #pos: Pos = 0;
  /** In the window, but not told yet: it came from the reserve, and the store has to be asked for it. */
  #untold: Row | undefined;
  /** See `known`. */
  #known: Known | undefined;
  /** Before this position the rows may be ahead of it: something was written while they were read. */
  #wholeFrom: Pos = 0;
  /** Of a change a part was told: the rest is known once the store was asked. */
  #isBetween = false;

  constructor(
    context: LiveContext,
    parts: { activity: Activity; owner: GroupOwner; model: Model },
    traits: GroupTraits,
  ) {
    this.#context = context;
    this.#activity = parts.activity;
    this.#owner = parts.owner;
    this.traits = traits;
    this.window = new QueryWindow(traits);
    this.#members = new QueryMembers(traits, context);
    this.#matches = traits.filter ? compilePredicate(traits.filter) : () => true;
    const rule = ruleToRql(parts.model, traits.auth);
    this.filters = [traits.filter, rule?.kind === 'filter' ? rule.filter : undefined];
    this.assumes = rule?.kind === 'filter' ? rule.assumes : [];
  }

  /** Takes one change that may concern it. */
  offer(change: CommittedChange): void {
    if (this.#isBusy) {
      this.#enqueue(change);
      return;
    }
    const late = this.#take(change);
    if (late || this.#stale) this.#work(late);
  }

  /** Asks the store, and tells everybody the difference to what they know. */
  refresh(): void {
    this.#stale = true;
    if (!this.#isBusy) this.#work(undefined);
  }

  /** The window as of now, for somebody who is about to subscribe. */
  join(joiner: Joiner): void {
    this.#joiners.push(joiner);
    this.refresh();
  }

  /** Its model is not in force any more: nobody joins it now, and what is under way for it comes to nothing. */
  retire(): void {
    this.#isRetired = true;
    this.#queue = [];
    const joiners = this.#joiners.splice(0);
    for (const { failed } of joiners) failed(unavailable());
  }

  sit(one: QuerySubscription): void {
    this.#members.add(one);
  }

  leave(one: QuerySubscription): void {
    this.#members.remove(one);
    this.#tidy();
  }

  /** How far those who are live have heard: while there is nothing to do, as far as the others. */
  get standing(): Standing {
    const { pos } = this.#members;
    if (this.#isBusy || this.#stale) return { pos, isWhole: !this.isBetween };
    const heard = Math.max(pos, this.#owner.through);
    return { pos: heard, isWhole: heard >= this.#wholeFrom };
  }

  /** See `QueryMembers.begin`. */
  begin(one: QuerySubscription, kept: readonly Told[]): void {
    this.#members.begin(one, kept);
    if (one.progress === 'behind') this.refresh();
  }

  /** See `QueryMembers.replay`. */
  replay(one: QuerySubscription): boolean {
    return this.#members.replay(one);
  }

  /** True where what those who are live know is not just what the window was when they were last told something. */
  get isBetween(): boolean {
    return this.#isBetween || this.#members.pos < this.#wholeFrom;
  }

  /** What those who are live know: the same for as long as nothing changes, so that all who drop meanwhile share it. */
  known(): Known {
    this.#known ??= new Map(
      this.window.shown.filter((row) => row !== this.#untold).map((row) => [row.r, row]),
    );
    return this.#known;
  }

  #enqueue(change: CommittedChange): void {
    this.#queue.push(change);
    this.#underWay.begin(change.r);
    if (this.#queue.length <= longestQueue) return;
    for (const { r } of this.#queue) this.#underWay.end(r);
    this.#queue = [];
    this.#stale = true;
  }

  #dropped(r: string): void {
    this.#owner.dropped(this, r);
    if (this.#underWay.has(r)) this.#owner.expected(this, r);
  }

  #work(first: Promise<void> | undefined): void {
    this.#isBusy = true;
    this.#activity.begin();
    void this.#workThrough(first);
  }

  /** Never rejects. Between its last look at what there is to do and its end nothing can come. */
  async #workThrough(first: Promise<void> | undefined): Promise<void> {
    let next: Promise<void> | undefined = first;
    do {
      try {
        await next;
      } catch (error) {
        this.#giveUp(error);
      }
      next = this.#next();
    } while (next);
    this.#isBusy = false;
    this.#activity.end();
    this.#tidy();
  }

  /** What there is to wait for next; `undefined` where nothing is left to do. */
  #next(): Promise<void> | undefined {
    for (;;) {
      if (this.#stale) return this.#refill();
      const change = this.#queue.shift();
      if (!change) return undefined;
      const late = this.#take(change);
      this.#underWay.end(change.r);
      if (late) return late;
      if (this.#queue.length > 0 && this.#context.slice.isOver) return this.#context.slice.rest();
    }
  }

  get #isDeserted(): boolean {
    return this.#members.all.length === 0 && this.#joiners.length === 0;
  }

  #tidy(): void {
    if (this.#isDeserted && !this.#isBusy) this.#owner.deserted(this);
  }

  #giveUp(error: unknown): void {
    this.#owner.loading(this, false);
    const joiners = this.#joiners;
    this.#joiners = [];
    for (const { failed } of joiners) failed(error);
    this.#owner.fail([...this.#members.all], error);
  }

  #take(change: CommittedChange): Promise<void> | undefined {
    if (change.pos <= this.#pos) return undefined;
    const row = this.window.get(change.r);
    if (row && row.rev >= change.rev) return undefined;
    if (change.type === 'delete') {
      if (row) this.#remove(change);
      return undefined;
    }
    const model = modelOf(this.#context, this.traits.scope.names);
    if (!model) {
      this.#giveUp(fail('model.unknown'));
      return undefined;
    }
    const view = pushView(model, change.object, this.traits.auth);
    if (view instanceof Promise) return this.#judgeLate(change, view);
    this.#judged(change, view);
    return undefined;
  }

  async #judgeLate(change: CommittedChange, view: Promise<View>): Promise<void> {
    this.#underWay.begin(change.r);
    try {
      this.#judged(change, await view);
    } finally {
      this.#underWay.end(change.r);
    }
  }

  #judged(change: CommittedChange, view: View): void {
    const { object } = change;
    const row = this.window.get(change.r);
    if (view.kind === 'refused') this.#context.metrics.refusals.add();
    if (view.kind === 'refused' || !this.#matches(visibleBody(object, undefined, view.hidden))) {
      if (row) this.#remove(change);
      return;
    }
    this.#put(change, row, row && isSameList(row.hidden, view.hidden) ? row.hidden : view.hidden);
  }

  #remove(change: CommittedChange): void {
    this.#tell(
      change,
      this.#edit(change.r, () => this.window.remove(change.r)),
      [],
    );
  }

  #put(change: CommittedChange, row: Row | undefined, hidden: readonly string[]): void {
    const { r, rev, object } = change;
    const place = placeOf(asSeen({ object, hidden }), this.traits.order);
    const sight = { fields: this.traits.fields, hidden };
    const body = seenDelta(change.delta, sight);
    const changedAt = body || !row ? rev : row.changedAt;
    const next: Row = { r, rev, place, hidden, changedAt };
    const crossing = this.#edit(r, () => this.window.put(next));
    const mark = ownMarkOf(change);
    this.#tell(change, crossing, ownNews({ mark, change, row, crossing, body, sight }));
  }

  /** Changes the rows, once those who are too slow have taken note of what they know. */
  #edit(r: string, edit: () => Crossing): Crossing {
    this.#pauseSlow();
    this.#known = undefined;
    const had = this.window.get(r) !== undefined;
    const last = this.window.rows.at(-1);
    const crossing = edit();
    const has = this.window.get(r) !== undefined;
    if (has && !had) this.#owner.kept(this, r);
    if (had && !has) this.#dropped(r);
    // One that comes in may push the last one out of the reserve.
    if (last && last.r !== r && !this.window.get(last.r)) this.#dropped(last.r);
    return crossing;
  }

  #pauseSlow(): void {
    this.#members.pauseSlow(() => this.known(), this.isBetween);
  }

  /** Tells what one change did. `own`: of the object itself, if it is in the window now. */
  #tell(change: CommittedChange, crossing: Crossing, own: readonly News[]): void {
    const { r, rev, by, pos } = change;
    const { notes } = this.#context;
    const news: News[] = [];
    if (crossing.was && !crossing.is) {
      news.push({ evt: 'left', r, rev, by, mark: ownMarkOf(change) });
    }
    if (crossing.left) news.push({ evt: 'left', r: crossing.left.r, rev: crossing.left.rev });
    news.push(...own);
    this.#untold = crossing.entered;
    this.#known = undefined;
    this.#stale ||= crossing.entered !== undefined || this.window.isShort;
    // With more to come, what was told is not all that happened up to this position.
    this.#isBetween = this.#stale;
    const span = news.length > 0 ? notes.begin(change) : undefined;
    const pushes = this.#members.tell(news, this.#stale ? pos - 1 : pos, { at: pos });
    notes.told(change, pushes, span);
    if (!this.#owner.hasRoomFor(0)) this.#giveUp(tooManyRows());
  }

  /** Reads the rows anew, and tells the difference to everybody, to each from where it is. */
  async #refill(): Promise<void> {
    this.#stale = false;
    if (this.#isDeserted) return;
    const model = modelOf(this.#context, this.traits.scope.names);
    if (!model) return this.#giveUp(fail('model.unknown'));
    const { joiners, pos, hits, after } = await this.#owner.inTurn(this, () => this.#read(model));
    if (this.#isRetired) return;
    if (!this.#owner.hasRoomFor(hits.length - this.window.size)) {
      return this.#giveUp(tooManyRows());
    }
    const news = this.#members.areHearing
      ? await this.#news({ known: this.known(), hits, isOtherView: false })
      : [];
    if (this.#isRetired) return;
    // From here to the last joiner in one go: everybody knows the same rows then.
    this.#pauseSlow();
    const before = this.known();
    this.#fill(hits, pos);
    this.#wholeFrom = after === pos ? 0 : after;
    const rows = new Map(this.window.shown.map((row) => [row.r, row]));
    this.#members.tell(news, pos, { difference: { before, news, rows } });
    for (const { joined } of this.#joiners.splice(0, joiners)) {
      joined({ hits: hits.slice(0, this.window.limit), pos, wholeFrom: after });
    }
    await this.#bringThoseBehind(hits, pos);
  }

  async #read(model: Model) {
    const { store, platform } = this.#context;
    const joiners = this.#joiners.length;
    this.#owner.loading(this, true);
    const pos = await store.position();
    const hits = await readWithRetry(platform, () =>
      hitsNow(this.#context, model, this.traits, this.window.capacity),
    );
    return { joiners, pos, hits, after: await store.position() };
  }

  #fill(hits: readonly Hit[], pos: Pos): void {
    const rows = hits.map((hit) => rowOf(hit, this.traits.fields));
    const now = new Set(rows.map(({ r }) => r));
    for (const { r } of this.window.rows) if (!now.has(r)) this.#dropped(r);
    for (const { r } of rows) if (!this.window.get(r)) this.#owner.kept(this, r);
    this.window.fill(rows);
    this.#untold = undefined;
    this.#known = undefined;
    this.#isBetween = false;
    this.#pos = Math.max(this.#pos, pos);
    this.#owner.loading(this, false);
  }

  async #bringThoseBehind(hits: readonly Hit[], pos: Pos): Promise<void> {
    for (const one of this.#members.behind()) {
      const { round } = one;
      const known = one.known ?? new Map();
      const isOtherView = one.view !== this.traits.view;
      const news = await this.#news({ known, hits, isOtherView });
      if (one.round !== round || one.progress !== 'behind') continue;
      this.#members.bring(one, news, { shown: this.window.shown, pos });
    }
  }

  /** What waits while the rows are read is told by the difference; its author is to recognize it there, too. */
  #marked(news: News[]): News[] {
    const own = this.#queue.filter(({ once }) => once !== undefined);
    if (own.length === 0) return news;
    return news.map((one) => {
      const { r, rev } = 'object' in one ? one.object : one;
      const change = own.find((waiting) => waiting.r === r && waiting.rev === rev);
      return change ? { ...one, mark: ownMarkOf(change) } : one;
    });
  }

  /** What is news to somebody, now that this is what the store has. */
  async #news(options: Parameters<typeof newsSince>[2]): Promise<News[]> {
    return this.#marked(await newsSince(this.#context, this.traits, options));
  }
}
