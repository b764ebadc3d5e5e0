import { type Auth, fail, type ObjectR } from '@really/protocol';
import { isLastSeen, refuseAbsent } from '../../model/deleted.js';
import type { Model } from '../../model/model.js';
import { hidesNothing } from '../../model/view/view.js';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import type { StoredObject } from '../../store/stored-object.js';
import type { LiveContext } from '../live-context.js';
import { type RevisionView, viewNow } from '../push/view-now.js';
import { visibleFields } from '../push/visibility.js';
import { objectGroupTraitsOf } from '../registry/group-traits.js';
import type { LiveSession } from '../registry/live-session.js';
import type { SubscriberGroupTraits } from '../registry/subscriber-group.js';
import type { SubscriptionRegistry } from '../registry/subscription-registry.js';
import type { Topics } from '../registry/topics.js';
import {
  assertSubscribable,
  type HeadOf,
  type ItemSubscribeRequest,
  type RegisteredItem,
  type RegisterItem,
  type RequestedSubscription,
  requestedFields,
  requireModel,
  type SubscribedItem,
  type SubscribeRequestItem,
  widenFields,
} from '../subscribe-checks.js';
import type { ObjectCatchUp } from './object-catch-up.js';
import { type CatchUpMode, ObjectSubscription, ObjectTopic } from './object-subscription.js';

export interface ObjectSubscribeDeps {
  readonly context: LiveContext;
  readonly topics: { readonly objects: Topics<ObjectTopic> };
  readonly registry: SubscriptionRegistry;
  readonly catchUps: { readonly objects: ObjectCatchUp };
}

/** Bytes of an object that is kept until the response is queued. */
const maxKeptBytes = 4096;

/** The object of a subscribe request, authorized. */
interface FoundObject {
  readonly object: StoredObject;
  /** The rights that it was authorized with, and the fields they hide. */
  readonly auth: Auth;
  readonly hidden: readonly string[];
}

/** A subscribe request for an object: rules SUB2 to SUB5. */
export class ObjectSubscribeRequest implements ItemSubscribeRequest {
  readonly #deps: ObjectSubscribeDeps;
  readonly #session: LiveSession;
  readonly #item: RequestedSubscription;
  readonly #model: Model;
  readonly #fields: readonly string[] | undefined;
  readonly #topic: ObjectTopic;
  /** Rights may change before it is registered: then it is authorized once more. */
  #authorizedView: string | undefined;

  /**
   * Throws if the item is refused without reading. Retains the topic, so that no change is missed
   * between reading the object and going live.
   */
  constructor(
    deps: ObjectSubscribeDeps,
    session: LiveSession,
    target: ObjectR,
    request: SubscribeRequestItem,
  ) {
    this.#deps = deps;
    this.#session = session;
    this.#item = request.item;
    this.#model = requireModel(deps.context, target.names);
    const path = `body.subscriptions[${request.index}].fields`;
    this.#fields = requestedFields(this.#model, request.item.fields, path);
    assertSubscribable(this.#model, session.pushTarget.auth);
    const { names } = this.#model;
    this.#topic = deps.topics.objects.retain(target.r, () => new ObjectTopic(target.r, names));
  }

  release(): void {
    this.#deps.topics.objects.release(this.#topic);
  }

  authorize(headOf: HeadOf): RegisterItem | Promise<RegisterItem> {
    const { auth } = this.#session.pushTarget;
    const head = headOf(this.#topic.r);
    if (!head || head.deleted) return this.#authorizeAbsent(head, auth);
    this.#authorizedView = this.#view();
    const seen = viewNow(this.#deps.context, this.#model, head, { auth });
    return seen instanceof Promise
      ? seen.then((late) => this.#authorized(late, auth))
      : this.#authorized(seen, auth);
  }

  #authorized({ object, view }: RevisionView, auth: Auth): RegisterItem {
    if (view.kind === 'refused') throw view.error;
    return () => this.#register({ object, auth, hidden: view.hidden });
  }

  /** Rule DEL5: who knew the object, or might see its tombstone, is sent its deletion. */
  async #authorizeAbsent(tombstone: StoredObject | undefined, auth: Auth): Promise<RegisterItem> {
    if (tombstone && (await this.#mayLearnOfDeletion(tombstone, auth))) {
      return () => this.#register({ object: tombstone, auth, hidden: [] });
    }
    return await refuseAbsent(this.#model, { tombstone, r: this.#topic.r }, auth);
  }

  async #mayLearnOfDeletion(tombstone: StoredObject, auth: Auth): Promise<boolean> {
    const { isKnownToClient, view } = this.#item;
    if (isKnownToClient && view === this.#view()) return true;
    const { read, subscribe } = this.#model.access;
    return await isLastSeen(this.#model, tombstone, auth, [read, subscribe]);
  }

  #register(found: FoundObject): RegisteredItem {
    const known = this.#session.subscriptions.get(this.#topic.r);
    return known?.kind === 'object' ? this.#widen(known, found) : this.#create(found);
  }

  #create(found: FoundObject): RegisteredItem {
    const { object } = found;
    const traits = this.#groupTraits(this.#fields);
    const from = this.#startingPoint(traits.view, object);
    this.#deps.registry.assertRoom(this.#session, 'object');
    const topic = this.#topic;
    // The first subscriber: nobody needs earlier revisions.
    if (topic.isEmpty) topic.rev = Math.max(topic.rev, object.rev);
    const group = topic.group(traits);
    const subscription = new ObjectSubscription(this.#session, group, from);
    if (subscription.rev === object.rev) subscription.hidden = found.hidden;
    this.#deps.registry.register(subscription);
    return this.#registered(subscription, found);
  }

  /** Throws if there is nothing to send (rules SUB2 to SUB4, VIEW2). */
  #startingPoint(present: string, object: StoredObject): { catchUpMode: CatchUpMode; rev: number } {
    const { rev = 0, view } = this.#item;
    // A revision received under another view says only that the client has some state.
    const isOther = rev > 0 && view !== undefined && view !== present;
    if (rev > object.rev && !isOther) throw fail('object.revision.unknown');
    const isUpToDate = rev === 0 || (rev === object.rev && !isOther);
    if (object.deleted && isUpToDate) throw fail('object.gone');
    if (rev === 0) return { catchUpMode: 'first', rev };
    return isOther || (view === undefined && !this.#isRevisionUnambiguous())
      ? { catchUpMode: 'renewed', rev: 0 }
      : { catchUpMode: 'revisions', rev };
  }

  /** Whether a revision without its view identifies what the client has seen. */
  #isRevisionUnambiguous(): boolean {
    return this.#deps.context.store.epoch.isFirst && hidesNothing(this.#model);
  }

  #view(): string {
    const { auth } = this.#session.pushTarget;
    return this.#deps.context.views.at(this.#model, auth, this.#topic.r).view;
  }

  #groupTraits(fields: readonly string[] | undefined): SubscriberGroupTraits {
    const { pushTarget } = this.#session;
    const asked = { r: this.#topic.r, fields };
    return objectGroupTraitsOf(this.#deps.context, this.#model, asked, pushTarget);
  }

  /** The revision in the request is ignored: the client has the subscription already. */
  #widen(subscription: ObjectSubscription, found: FoundObject): RegisteredItem {
    if (found.object.deleted) throw fail('object.gone');
    this.#deps.registry.assignGroup(subscription);
    const fields = widenFields(this.#model, subscription.group.fields, this.#fields);
    if (fields === subscription.group.fields) return this.#described(subscription, found);
    this.#deps.registry.assignGroup(subscription, { fields });
    const isKnown = subscription.progress !== 'waiting' || subscription.catchUpMode === 'widened';
    subscription.catchUpMode = isKnown ? 'widened' : 'first';
    subscription.progress = 'waiting';
    subscription.generation += 1;
    return this.#registered(subscription, found);
  }

  #registered(subscription: ObjectSubscription, found: FoundObject): RegisteredItem {
    const { object, auth, hidden } = found;
    const { generation, group } = subscription;
    // Many items of one request wait for its response: large objects are read again.
    const isKept = !object.deleted && estimateBytes(object.data) <= maxKeptBytes;
    const kept = isKept ? object : undefined;
    const begin = () => {
      if (subscription.generation !== generation) return;
      const isInForce = this.#deps.context.models().get(this.#model.names) === this.#model;
      const isSame = subscription.group === group && subscription.session.pushTarget.auth === auth;
      const isAuthorized = isInForce && isSame && group.view === this.#authorizedView;
      if (isAuthorized && kept) {
        this.#deps.catchUps.objects.beginWith(subscription, {
          object: kept,
          hidden,
          model: this.#model,
        });
      } else {
        this.#deps.catchUps.objects.begin(subscription);
      }
    };
    const start = () => this.#deps.registry.start(subscription, begin);
    return { ...this.#described(subscription, found), start };
  }

  #described({ key, group }: ObjectSubscription, { hidden }: FoundObject): SubscribedItem {
    const fields = visibleFields(this.#model, { fields: group.fields, hidden });
    return { r: key, fields, view: group.view };
  }
}
