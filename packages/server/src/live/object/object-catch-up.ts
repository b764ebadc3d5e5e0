import { fail } from '@really/protocol';
import { isLastSeen, refuseAbsent } from '../../model/deleted.js';
import type { Model } from '../../model/model.js';
import { mayHide, pushView } from '../../model/view/view.js';
import { estimateBytes, estimateChangeBytes } from '../../objects/estimate-bytes.js';
import { ownerOf } from '../../queries/owner.js';
import type { StoredObject } from '../../store/stored-object.js';
import { beginCatchUp } from '../catch-up/begin-catch-up.js';
import { FairHistoryReader } from '../catch-up/fair-history-reader.js';
import type { LiveContext } from '../live-context.js';
import type { SnapshotReason } from '../live-metrics.js';
import { canPush } from '../push/fan-out.js';
import { markedFrame, onceMarkerOf } from '../push/once-marker.js';
import { deletedFrame } from '../push/push-message.js';
import { viewNow } from '../push/view-now.js';
import { lastVisibleChange, type Visibility } from '../push/visibility.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import { requireModel } from '../subscribe-checks.js';
import { dataAtRevision } from './data-at-revision.js';
import { type ObjectDelivery, visibilityOf } from './object-delivery.js';
import { ObjectFrames, SnapshotFrames } from './object-frames.js';
import { ObjectReplay, type ObjectReplayPage } from './object-replay.js';
import type { CatchUpMode, ObjectSubscription } from './object-subscription.js';

type KnownPage = Extract<ObjectReplayPage, { object: StoredObject }>;

/** An object and what the subscriber may see of it. */
interface AuthorizedObject {
  readonly model: Model;
  readonly object: StoredObject;
  readonly visibility: Visibility;
}

interface AuthorizedPage extends AuthorizedObject {
  readonly page: KnownPage;
}

/** The object that a subscribe request was authorized for. */
export interface AuthorizedHead {
  readonly model: Model;
  readonly object: StoredObject;
  readonly hidden: readonly string[];
}

/** Why a snapshot is sent in this mode. */
const reasons: Readonly<Record<Exclude<CatchUpMode, 'revisions'>, SnapshotReason>> = {
  first: 'first',
  widened: 'widened',
  renewed: 'rights',
  changes: 'conflated',
};

/** Catches up single subscriptions to their topic with reads of the store. */
export class ObjectCatchUp {
  readonly #context: LiveContext;
  readonly #delivery: ObjectDelivery;
  readonly #registry: SubscriptionRegistry;
  readonly #snapshots = new SnapshotFrames();

  constructor(
    context: LiveContext,
    deps: { delivery: ObjectDelivery; registry: SubscriptionRegistry },
  ) {
    this.#context = context;
    this.#delivery = deps.delivery;
    this.#registry = deps.registry;
  }

  /** See `beginCatchUp`. */
  begin(subscription: ObjectSubscription): void {
    beginCatchUp(this.#context, this.#registry, subscription, (isCurrent) =>
      this.#run(subscription, isCurrent),
    );
  }

  /** As `begin`, for one just authorized for this object: usually nothing has to be read. */
  beginWith(subscription: ObjectSubscription, head: AuthorizedHead): void {
    const { object, model, hidden } = head;
    const { catchUpMode, topic } = subscription;
    // A migrated object does not say under which version its revision was sent; its history does.
    const isSameVersion = object.modelVersion === model.version && model.currentFrom === 1;
    const isAtHead = subscription.rev === object.rev && isSameVersion;
    if (object.rev < topic.rev || (catchUpMode === 'revisions' && !isAtHead)) {
      this.begin(subscription);
      return;
    }
    subscription.progress = 'behind';
    const authorized = { model, object, visibility: visibilityOf(subscription.group, hidden) };
    if (catchUpMode === 'revisions') subscription.hidden = authorized.visibility.hidden;
    else this.#pushSnapshot(subscription, authorized, reasons[catchUpMode]);
    this.#goLive(subscription, authorized);
  }

  async #run(subscription: ObjectSubscription, isCurrent: () => boolean): Promise<void> {
    let mode = subscription.catchUpMode;
    let replay: ObjectReplay | undefined;
    while (subscription.progress === 'behind' && canPush(this.#context, subscription)) {
      const model = requireModel(this.#context, subscription.topic.names);
      replay ??= this.#replayOf(subscription, model);
      const { rev } = subscription;
      const page = await (mode === 'revisions' ? replay.next(rev) : replay.current(reasons[mode]));
      if (!isCurrent()) return;
      const authorized = await this.#authorize(subscription, model, { page, isCurrent });
      if (!authorized || !isCurrent()) return;
      mode = 'revisions';
      this.#pushPage(subscription, authorized, replay);
      // Afterwards, because a target that has to wait takes no push.
      charge(subscription, authorized);
      if (subscription.rev < authorized.object.rev) continue;
      this.#goLive(subscription, authorized);
      // After a snapshot the replay is no longer at the subscription's revision.
      replay = undefined;
    }
  }

  #replayOf(subscription: ObjectSubscription, model: Model): ObjectReplay {
    const partial = subscription.group.fields !== undefined || mayHide(model);
    const owner = ownerOf(subscription.session.pushTarget);
    const { version } = model;
    return new ObjectReplay(this.#context, { r: subscription.topic.r, owner, version, partial });
  }

  /** `undefined` if the subscription ended or was restarted meanwhile. */
  async #authorize(
    subscription: ObjectSubscription,
    model: Model,
    { page, isCurrent }: { page: ObjectReplayPage; isCurrent: () => boolean },
  ): Promise<AuthorizedPage | undefined> {
    if (page.kind === 'missing') throw fail('object.missing');
    if (page.kind === 'deleted') {
      await this.#assertMayLearnOfDeletion(subscription, model, page.rev);
      if (isCurrent()) this.#endDeleted(subscription, model, page);
      return undefined;
    }
    const { recorder } = subscription.group;
    const { auth } = subscription.session.pushTarget;
    const reader = { auth, finder: recorder };
    const { object, view } = await viewNow(this.#context, model, page.object, reader);
    if (!isCurrent()) return undefined;
    if (view.kind === 'refused') {
      this.#context.metrics.refusals.add();
      throw view.error;
    }
    let known = page;
    if (object !== page.object) known = { kind: 'unknown', object, reason: 'rights' };
    // Without knowing what was hidden before, newly visible fields cannot be detected, so a
    // snapshot is needed.
    const isForgotten = subscription.hidden === undefined && mayHide(model);
    if (isForgotten && known.kind === 'revisions' && subscription.rev !== object.rev) {
      const hidden = await this.#hiddenBefore(subscription, model);
      if (!isCurrent()) return undefined;
      subscription.hidden = hidden;
      if (!hidden) known = { kind: 'unknown', object, reason: 'rights' };
    }
    const visibility = visibilityOf(subscription.group, view.hidden);
    return { page: known, model, object, visibility };
  }

  #endDeleted(
    subscription: ObjectSubscription,
    { names }: Model,
    { rev, change }: Extract<ObjectReplayPage, { kind: 'deleted' }>,
  ): void {
    const { r } = subscription.topic;
    const under = { names, r, view: subscription.group.view };
    const last = deletedFrame({ r, rev, authorship: change, prev: rev - 1, under });
    const { pushTarget } = subscription.session;
    const frame = markedFrame(last, change && onceMarkerOf(change), pushTarget);
    this.#registry.endWithPush(subscription, frame, 'deleted');
  }

  /** Rule DEL5: if the rights changed since the last push, the tombstone decides. */
  async #assertMayLearnOfDeletion(
    subscription: ObjectSubscription,
    model: Model,
    rev: number,
  ): Promise<void> {
    if (subscription.view === subscription.group.view) return;
    const { auth } = subscription.session.pushTarget;
    const { read, subscribe } = model.access;
    const tombstone = { r: subscription.topic.r, rev };
    if (await isLastSeen(model, tombstone, auth, [read, subscribe])) return;
    await refuseAbsent(model, { tombstone, r: tombstone.r }, auth);
  }

  /**
   * The fields that were hidden at the revision that the client received on an earlier connection. A
   * hook depends on the whole object, so the object is rebuilt from its history; `undefined` if that
   * does not reach back.
   */
  async #hiddenBefore(
    { topic: { r }, rev, session: { pushTarget } }: ObjectSubscription,
    model: Model,
  ): Promise<readonly string[] | undefined> {
    const past = new FairHistoryReader(this.#context, ownerOf(pushTarget));
    const charged = (bytes: number) => void pushTarget.charge?.(bytes);
    const data = await dataAtRevision(past, model, r, rev, charged);
    if (!data) return undefined;
    const object = { r, rev, data, touched: {}, deleted: false, modelVersion: model.version };
    const view = await pushView(model, object, pushTarget.auth);
    return view.kind === 'visible' ? view.hidden : [...model.fields.keys()];
  }

  /** Stops when the output buffer is full. */
  #pushPage(
    subscription: ObjectSubscription,
    authorized: AuthorizedPage,
    replay: ObjectReplay,
  ): void {
    const { page, model, object, visibility } = authorized;
    if (page.kind === 'unknown') {
      this.#pushSnapshot(subscription, authorized, page.reason);
      return;
    }
    for (const revision of replay.revisions(page)) {
      if (revision.change.rev <= subscription.rev) continue;
      const frames = new ObjectFrames(model, visibility, { object, revision });
      this.#delivery.push(subscription, frames, 'rights');
      if (subscription.progress !== 'behind') return;
    }
    if (subscription.rev < object.rev) return;
    // All revisions are sent, but fields may have become visible without a change.
    const frames = new ObjectFrames(model, visibility, { object });
    this.#delivery.push(subscription, frames, 'rights');
  }

  #pushSnapshot(
    subscription: ObjectSubscription,
    { model, object, visibility }: AuthorizedObject,
    reason: SnapshotReason,
  ): void {
    const frames = this.#snapshots.of(model, visibility, object);
    // What it missed while it was paused may not concern it.
    if (reason === 'conflated') this.#delivery.push(subscription, frames, reason);
    else this.#delivery.pushSnapshot(subscription, frames, reason);
    // From here on a pause may be caught up with a snapshot, as if it were live.
    if (subscription.progress === 'behind') subscription.catchUpMode = 'changes';
  }

  /** Goes live unless the topic applied another change meanwhile. */
  #goLive(subscription: ObjectSubscription, { object, visibility }: AuthorizedObject): void {
    if (subscription.progress !== 'behind' || subscription.rev < subscription.topic.rev) return;
    subscription.progress = 'live';
    subscription.catchUpMode = 'changes';
    const { group } = subscription;
    group.changedAt = Math.max(group.changedAt, lastVisibleChange(object, visibility));
  }
}

/** For what was read. */
function charge({ session: { pushTarget } }: ObjectSubscription, { object, page }: AuthorizedPage) {
  void pushTarget.charge?.(estimateBytes(object.data));
  if (page.kind !== 'revisions') return;
  for (const change of page.changes) void pushTarget.charge?.(estimateChangeBytes({ change }));
}
