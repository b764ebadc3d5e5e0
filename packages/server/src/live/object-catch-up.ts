import { fail } from '@really/protocol';
import { isLastSeen, refuseAbsent } from '../model/deleted.js';
import type { Model } from '../model/model.js';
import { pushView } from '../model/view.js';
import { ownerOf } from '../queries/owner.js';
import type { StoredObject } from '../store/store.js';
import { hiddenBefore } from './hidden-before.js';
import { type LiveContext, modelOf } from './live-context.js';
import type { SnapshotReason } from './live-metrics.js';
import type { Members } from './members.js';
import { type ObjectDelivery, sightOf } from './object-delivery.js';
import { ObjectFrames } from './object-frames.js';
import type { ObjectSubscription, Owed } from './object-subscription.js';
import { ownMarkOf } from './own-mark.js';
import { deletedFrame } from './push-message.js';
import { Replay, type ReplayPage } from './replay.js';
import { seat } from './seating.js';
import type { Turns } from './turns.js';
import { lastChange, type Sight } from './visible-fields.js';

type KnownPage = Extract<ReplayPage, { object: StoredObject }>;

/** An object, and what the subscriber may see of it. */
interface Judged {
  readonly model: Model;
  readonly object: StoredObject;
  readonly sight: Sight;
}

interface JudgedPage extends Judged {
  readonly page: KnownPage;
}

/** An object that a subscriber was judged by. */
export interface JustSeen {
  readonly model: Model;
  readonly object: StoredObject;
  readonly hidden: readonly string[];
}

/** Brings single subscriptions from their cursor to where their topic is, by what the store says. */
export class ObjectCatchUp {
  readonly #context: LiveContext;
  readonly #delivery: ObjectDelivery;
  readonly #members: Members;
  readonly #turns: Turns;

  constructor(
    context: LiveContext,
    parts: { delivery: ObjectDelivery; members: Members; turns: Turns },
  ) {
    this.#context = context;
    this.#delivery = parts.delivery;
    this.#members = parts.members;
    this.#turns = parts.turns;
  }

  /** Begins, or begins anew: what was under way for this subscription stops. */
  begin(one: ObjectSubscription): void {
    one.progress = 'behind';
    one.round += 1;
    const { round } = one;
    this.#turns.run(one.session, () => this.#run(one, round));
  }

  /** As `begin`, for one that was just judged by this object: mostly nothing has to be read. */
  beginWith(one: ObjectSubscription, seen: JustSeen): void {
    const { object, model, hidden } = seen;
    const { owed, topic } = one;
    // What was migrated does not say under which version its revision was heard: its history does.
    const isAsHeard = object.modelVersion === model.version && model.currentFrom === 1;
    const isThere = one.rev === object.rev && isAsHeard;
    if (object.rev < topic.rev || (owed === 'revisions' && !isThere)) {
      this.begin(one);
      return;
    }
    one.progress = 'behind';
    const judged = { model, object, sight: sightOf(one.audience, hidden) };
    if (owed === 'revisions') one.hidden = judged.sight.hidden;
    else if (!this.#tellSnapshot(one, judged, reasonFor(owed))) this.#pause(one);
    this.#arrive(one, judged);
  }

  /** Never rejects. */
  async #run(one: ObjectSubscription, round: number): Promise<void> {
    try {
      if (one.round === round && one.progress === 'behind') seat(this.#context, this.#members, one);
      let manner = one.owed;
      let replay: Replay | undefined;
      while (one.round === round && this.#mayGoOn(one)) {
        const model = this.#modelOf(one);
        replay ??= this.#replayOf(one, model);
        const judged = await this.#look(one, model, { manner, replay });
        if (one.round !== round || !judged) return;
        manner = 'revisions';
        const told = this.#tell(one, judged, replay);
        if (!told) this.#pause(one);
        if (one.rev < judged.object.rev) continue;
        this.#arrive(one, judged);
        // After a snapshot it does not stand where the subscription does.
        replay = undefined;
      }
    } catch (error) {
      if (one.round === round) this.#members.fail([one], error);
    }
  }

  #mayGoOn(one: ObjectSubscription): boolean {
    if (one.progress !== 'behind') return false;
    if (!one.session.listener.congested) return true;
    this.#pause(one);
    return false;
  }

  #replayOf(one: ObjectSubscription, model: Model): Replay {
    const partial = one.audience.fields !== undefined || model.hooks.preGet !== undefined;
    const owner = ownerOf(one.session.listener);
    return new Replay(this.#context, { r: one.topic.r, owner, version: model.version, partial });
  }

  /** What there is to tell; `undefined` where the subscription has ended over it, or something else is done for it now. */
  async #look(
    one: ObjectSubscription,
    model: Model,
    how: { manner: Owed; replay: Replay },
  ): Promise<JudgedPage | undefined> {
    const { round } = one;
    let page = await pageFor(how.manner, how.replay, one.rev);
    if (one.round !== round) return undefined;
    if (page.kind === 'missing') throw fail('object.missing');
    if (page.kind === 'deleted') {
      const { rev, change } = page;
      await this.#demandLastSeen(one, model, rev);
      if (one.round !== round) return undefined;
      const under = { names: model.names, view: one.audience.view };
      const last = deletedFrame({ r: one.topic.r, rev, by: change?.by, prev: rev - 1, under });
      const mark = change && ownMarkOf(change);
      const frame = mark ? mark.frameFor(last, one.session.listener) : last;
      this.#members.endWith(one, frame, 'deleted');
      return undefined;
    }
    const view = await pushView(model, page.object, one.session.listener.auth);
    if (one.round !== round) return undefined;
    if (view.kind === 'refused') {
      this.#context.metrics.refusals.add();
      throw view.error;
    }
    if (one.hidden === undefined) {
      page = await this.#recall(one, model, page);
      if (one.round !== round) return undefined;
    }
    const { object } = page;
    return { page, model, object, sight: sightOf(one.audience, view.hidden) };
  }

  /** Rule DEL5: who has other rights by now than when it last heard of the object is judged by what is left of that. */
  async #demandLastSeen(one: ObjectSubscription, model: Model, rev: number): Promise<void> {
    if (one.view === one.audience.view) return;
    const { auth } = one.session.listener;
    const { read, subscribe } = model.access;
    const tombstone = { r: one.topic.r, rev };
    if (await isLastSeen(model, tombstone, auth, [read, subscribe])) return;
    await refuseAbsent(model, { tombstone, r: tombstone.r }, auth);
  }

  /** Where nobody knows what the subscriber saw before, it may see more now: then only a snapshot will do. */
  async #recall(one: ObjectSubscription, model: Model, page: KnownPage): Promise<KnownPage> {
    const { object } = page;
    if (page.kind === 'unknown' || !model.hooks.preGet || one.rev === object.rev) return page;
    const seen = { r: object.r, rev: one.rev, listener: one.session.listener };
    const { round } = one;
    const hidden = await hiddenBefore(this.#context, model, seen);
    if (one.round === round) one.hidden = hidden;
    return hidden ? page : { kind: 'unknown', object, reason: 'rights' };
  }

  /** False where the connection has to take some output first. */
  #tell(one: ObjectSubscription, judged: JudgedPage, replay: Replay): boolean {
    const { page, model, object, sight } = judged;
    if (page.kind === 'unknown') return this.#tellSnapshot(one, judged, page.reason);
    for (const step of replay.steps(page)) {
      if (step.change.rev <= one.rev) continue;
      const frames = new ObjectFrames(model, sight, { object, step });
      if (!this.#delivery.bring(one, frames, 'rights')) return false;
    }
    if (one.rev < object.rev) return true;
    // Everything was told; but it may see more than before without any change.
    return this.#delivery.bring(one, new ObjectFrames(model, sight, { object }), 'rights');
  }

  #tellSnapshot(one: ObjectSubscription, judged: Judged, reason: SnapshotReason): boolean {
    const { model, object, sight } = judged;
    const frames = new ObjectFrames(model, sight, { object });
    const told =
      reason === 'conflated'
        ? this.#delivery.bring(one, frames, reason)
        : this.#delivery.bringSnapshot(one, frames, reason);
    // From here on it is like one that is live: where it has to wait, one snapshot will do.
    if (told) one.owed = 'changes';
    return told;
  }

  /** It is live, unless its topic took another change meanwhile. */
  #arrive(one: ObjectSubscription, { object, sight }: Judged): void {
    if (one.progress !== 'behind' || one.rev < one.topic.rev) return;
    one.progress = 'live';
    one.owed = 'changes';
    const { audience } = one;
    audience.changedAt = Math.max(audience.changedAt, lastChange(object, sight));
  }

  #pause(one: ObjectSubscription): void {
    if (one.progress !== 'behind') return;
    one.progress = 'paused';
    this.#context.metrics.pauses.add();
  }

  #modelOf(one: ObjectSubscription): Model {
    const model = modelOf(this.#context, one.topic.names);
    if (!model) throw fail('model.unknown');
    return model;
  }
}

function pageFor(manner: Owed, replay: Replay, after: number): Promise<ReplayPage> {
  return manner === 'revisions' ? replay.next(after) : replay.current(reasonFor(manner));
}

function reasonFor(owed: Exclude<Owed, 'revisions'>): SnapshotReason {
  switch (owed) {
    case 'first':
    case 'widened':
      return owed;
    case 'renewed':
      return 'rights';
    case 'changes':
      return 'conflated';
    default:
      return owed satisfies never;
  }
}
