import { fail, type ObjectR, type SubscribeItem } from '@really/protocol';
import type { Model } from '../model/model.js';
import { pushView } from '../model/view.js';
import type { StoredObject } from '../store/store.js';
import type { LiveContext } from './live-context.js';
import type { Members } from './members.js';
import type { ObjectCatchUp } from './object-catch-up.js';
import { ObjectSubscription } from './object-subscription.js';
import { ObjectTopic } from './object-topic.js';
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
  readonly #item: SubscribeItem;
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
    if (!object) throw fail('object.missing');
    // Nothing is left of a deleted object that rights could be judged by.
    if (object.deleted) return { place: () => this.#place({ object, auth, hidden: [] }) };
    const view = await pushView(this.#model, object, auth);
    if (view.kind === 'refused') throw view.error;
    return { place: () => this.#place({ object, auth, hidden: view.hidden }) };
  }

  #place(found: Found): Placed {
    const known = this.#session.subscriptions.get(this.#topic.r);
    return known?.kind === 'object' ? this.#widen(known, found) : this.#make(found);
  }

  #make(found: Found): Placed {
    const { rev = 0 } = this.#item;
    const { object } = found;
    if (rev > object.rev) throw fail('object.revision.unknown');
    if (object.deleted && (rev === 0 || rev === object.rev)) throw fail('object.gone');
    this.#parts.members.demandRoom(this.#session, 'object');
    const topic = this.#topic;
    // Nobody listened: what came before this revision is nobody's to be told.
    if (topic.isDeserted) topic.rev = Math.max(topic.rev, object.rev);
    const owed = rev === 0 ? 'first' : 'revisions';
    const audience = topic.audience(traitsOf(this.#model, this.#fields, this.#session.listener));
    const one = new ObjectSubscription(this.#session, audience, owed, rev);
    if (rev === object.rev) one.hidden = found.hidden;
    this.#parts.members.begin(one);
    return this.#placed(one, found);
  }

  /** The revision that the client names does not matter: it has the subscription already. */
  #widen(one: ObjectSubscription, found: Found): Placed {
    if (found.object.deleted) throw fail('object.gone');
    const fields = widened(this.#model, one.audience.fields, this.#fields);
    if (fields === one.audience.fields) return { key: one.key, fields: this.#shown(one, found) };
    const traits = traitsOf(this.#model, fields, this.#session.listener);
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
    return { key: one.key, fields: this.#shown(one, { hidden }), start };
  }

  #shown(one: ObjectSubscription, { hidden }: Pick<Found, 'hidden'>): readonly string[] {
    return seenFields(this.#model, { fields: one.audience.fields, hidden });
  }
}
