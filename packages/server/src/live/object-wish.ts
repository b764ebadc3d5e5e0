import { fail, type ObjectR } from '@really/protocol';
import { isLastSeen, refuseAbsent } from '../model/deleted.js';
import type { Model } from '../model/model.js';
import { hidesNothing, pushView } from '../model/view.js';
import type { StoredObject } from '../store/store.js';
import type { AudienceTraits } from './audience.js';
import type { LiveContext } from './live-context.js';
import type { Members } from './members.js';
import type { ObjectCatchUp } from './object-catch-up.js';
import { ObjectSubscription, type Owed } from './object-subscription.js';
import { ObjectTopic } from './object-topic.js';
import { seat } from './seating.js';
import type { Session } from './session.js';
import {
  demandSubscribable,
  fieldsAsked,
  type Heads,
  knownModel,
  type Placed,
  type Prepared,
  traitsOf,
  type Wish,
  type Wished,
  type WishItem,
  widened,
} from './subscribing.js';
import type { Topics } from './topics.js';
import { seenFields } from './visible-fields.js';

export interface ObjectWishParts {
  readonly context: LiveContext;
  readonly topics: Topics<ObjectTopic>;
  readonly members: Members;
  readonly catchUp: ObjectCatchUp;
}

/** What was found out of the object that a subscription is for. */
interface Found {
  readonly object: StoredObject;
  /** By whom it was judged, and what was hidden from them. */
  readonly auth: Session['listener']['auth'];
  readonly hidden: readonly string[];
}

/** A subscription to an object in the making: rules SUB2 to SUB5. */
export class ObjectWish implements Wish {
  readonly #parts: ObjectWishParts;
  readonly #session: Session;
  readonly #item: Wished;
  readonly #model: Model;
  readonly #fields: readonly string[] | undefined;
  readonly #topic: ObjectTopic;

  /**
   * Throws where the item is refused as it stands. From here on the topic takes note of changes, so
   * that none goes by between reading the object and being live.
   */
  constructor(parts: ObjectWishParts, session: Session, target: ObjectR, wish: WishItem) {
    this.#parts = parts;
    this.#session = session;
    this.#item = wish.item;
    this.#model = knownModel(parts.context, target.names);
    const path = `body.subscriptions[${wish.index}].fields`;
    this.#fields = fieldsAsked(this.#model, wish.item.fields, path);
    demandSubscribable(this.#model);
    const { names } = this.#model;
    this.#topic = parts.topics.hold(target.r, () => new ObjectTopic(target.r, names));
  }

  release(): void {
    this.#parts.topics.release(this.#topic);
  }

  async prepare(heads: Promise<Heads>): Promise<Prepared> {
    const { auth } = this.#session.listener;
    const object = (await heads).get(this.#topic.r);
    if (!object || object.deleted) return await this.#prepareAbsent(object, auth);
    const view = await pushView(this.#model, object, auth);
    if (view.kind === 'refused') throw view.error;
    return { place: () => this.#place({ object, auth, hidden: view.hidden }) };
  }

  /** Rule DEL5: who was told of the object here, or would be by what is left of it, hears that it was deleted, and by whom. */
  async #prepareAbsent(
    tombstone: StoredObject | undefined,
    auth: Found['auth'],
  ): Promise<Prepared> {
    const model = this.#model;
    if (tombstone && (await this.#hearsOfDeletion(tombstone, auth))) {
      return { place: () => this.#place({ object: tombstone, auth, hidden: [] }) };
    }
    return await refuseAbsent(model, { tombstone, r: this.#topic.r }, auth);
  }

  async #hearsOfDeletion(tombstone: StoredObject, auth: Found['auth']): Promise<boolean> {
    const { isSeen, view } = this.#item;
    if (isSeen && view === this.#traits(undefined).view) return true;
    const { read, subscribe } = this.#model.access;
    return await isLastSeen(this.#model, tombstone, auth, [read, subscribe]);
  }

  #place(found: Found): Placed {
    const known = this.#session.subscriptions.get(this.#topic.r);
    return known?.kind === 'object' ? this.#widen(known, found) : this.#make(found);
  }

  #make(found: Found): Placed {
    const { object } = found;
    const traits = this.#traits(this.#fields);
    const from = this.#start(traits.view, object);
    this.#parts.members.demandRoom(this.#session, 'object');
    const topic = this.#topic;
    // Nobody listened: what came before this revision is nobody's to be told.
    if (topic.isDeserted) topic.rev = Math.max(topic.rev, object.rev);
    const audience = topic.audience(traits);
    const one = new ObjectSubscription(this.#session, audience, from);
    if (one.rev === object.rev) one.hidden = found.hidden;
    this.#parts.members.begin(one);
    return this.#placed(one, found);
  }

  /** What it is owed, and from where. Throws where there is nothing to be told (rules SUB2 to SUB4, VIEW2). */
  #start(present: string, object: StoredObject): { owed: Owed; rev: number } {
    const { rev = 0, view } = this.#item;
    // A revision that was heard under another view may be any: it says only that the client has something.
    const isOther = rev > 0 && view !== undefined && view !== present;
    if (rev > object.rev && !isOther) throw fail('object.revision.unknown');
    const isTold = rev === 0 || (rev === object.rev && !isOther);
    if (object.deleted && isTold) throw fail('object.gone');
    if (rev === 0) return { owed: 'first', rev };
    return isOther || (view === undefined && !this.#isEnough())
      ? { owed: 'renewed', rev: 0 }
      : { owed: 'revisions', rev };
  }

  /** Whether a revision without a view says what the client has seen. */
  #isEnough(): boolean {
    return this.#parts.context.store.epoch.isFirst && hidesNothing(this.#model);
  }

  #traits(fields: readonly string[] | undefined): AudienceTraits {
    return traitsOf(this.#parts.context, this.#model, fields, this.#session.listener);
  }

  /** The revision that the client names does not matter: it has the subscription already. */
  #widen(one: ObjectSubscription, found: Found): Placed {
    if (found.object.deleted) throw fail('object.gone');
    seat(this.#parts.context, this.#parts.members, one);
    const fields = widened(this.#model, one.audience.fields, this.#fields);
    if (fields === one.audience.fields)
      return { key: one.key, fields: this.#shown(one, found), view: one.audience.view };
    const traits = this.#traits(fields);
    this.#parts.members.move(one, one.topic.audience(traits));
    one.progress = 'waiting';
    one.owed = 'widened';
    one.round += 1;
    return this.#placed(one, found);
  }

  #placed(one: ObjectSubscription, { object, auth, hidden }: Found): Placed {
    const { round, audience } = one;
    const start = () => {
      if (one.round !== round || one.progress !== 'waiting') return;
      const isInForce = this.#parts.context.models().get(this.#model.names) === this.#model;
      const isSame = one.audience === audience && one.session.listener.auth === auth;
      const isJudged = isInForce && isSame;
      if (isJudged && !object.deleted) {
        this.#parts.catchUp.beginWith(one, { object, hidden, model: this.#model });
      } else {
        this.#parts.catchUp.begin(one);
      }
    };
    return { key: one.key, fields: this.#shown(one, { hidden }), view: audience.view, start };
  }

  #shown(one: ObjectSubscription, { hidden }: Pick<Found, 'hidden'>): readonly string[] {
    return seenFields(this.#model, { fields: one.audience.fields, hidden });
  }
}
