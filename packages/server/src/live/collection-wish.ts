import { type CollectionR, fail } from '@really/protocol';
import type { Model } from '../model/model.js';
import { ownerOf } from '../queries/owner.js';
import type { Pos, Scope } from '../store/store.js';
import type { AudienceTraits } from './audience.js';
import type { CollectionCatchUp } from './collection-catch-up.js';
import type { CollectionFeed } from './collection-feed.js';
import { CollectionSubscription } from './collection-subscription.js';
import { CollectionTopic } from './collection-topic.js';
import type { LiveContext } from './live-context.js';
import type { Members } from './members.js';
import { PastReads } from './past-reads.js';
import type { Position } from './position.js';
import type { Regrouping } from './regrouping.js';
import { seat } from './seating.js';
import type { Session } from './session.js';
import {
  demandForEveryObject,
  demandSubscribable,
  knownModel,
  type Placed,
  type Prepared,
  traitsOf,
  type Wish,
  widened,
} from './subscribing.js';
import type { Topics } from './topics.js';
import { seenFields } from './visible-fields.js';

export interface CollectionWishParts {
  readonly context: LiveContext;
  readonly topics: Topics<CollectionTopic>;
  readonly members: Members;
  readonly catchUp: CollectionCatchUp;
  readonly feed: CollectionFeed;
  readonly regrouping: Regrouping;
}

export interface CollectionDemand {
  readonly r: string;
  readonly scope: Scope;
  readonly fields: readonly string[] | undefined;
  /** As a push told it. */
  readonly pos?: string | undefined;
  /** As in `Wished`. */
  readonly after?: Position | undefined;
  /** The path of `pos` in the request, for the error that names it. */
  readonly posPath: string;
}

/** A subscription to creations in the making: rule SUB6. */
export class CollectionWish implements Wish {
  readonly #parts: CollectionWishParts;
  readonly #session: Session;
  readonly #demand: CollectionDemand;
  readonly #model: Model;
  readonly #topic: CollectionTopic;

  /**
   * Throws where it is refused as it stands. From here on the topic takes note of creations, so that
   * none goes by between reading the position and being live.
   */
  constructor(parts: CollectionWishParts, session: Session, demand: CollectionDemand) {
    this.#parts = parts;
    this.#session = session;
    this.#demand = demand;
    this.#model = knownModel(parts.context, demand.scope.names);
    demandSubscribable(this.#model);
    const { r, scope } = demand;
    this.#topic = parts.topics.hold(r, () => new CollectionTopic(r, scope));
  }

  release(): void {
    this.#parts.topics.release(this.#topic);
  }

  async prepare(): Promise<Prepared> {
    await demandForEveryObject(this.#model, this.#session.listener, this.#topic.r);
    const { store } = this.#parts.context;
    const now = await store.position();
    this.#parts.feed.beginAt(now);
    const asked = this.#asked();
    if (asked !== undefined) {
      const reads = new PastReads(this.#parts.context, ownerOf(this.#session.listener));
      const { gone } = await reads.created(this.#topic.scope, asked.pos, 1);
      if (gone) throw fail('position.gone');
    }
    return { place: () => this.#place(now, asked) };
  }

  /** What was seen under another view nobody knows, unless the server itself has told it. */
  #asked(): Position | undefined {
    const { after, pos, posPath } = this.#demand;
    if (after || pos === undefined) return after;
    return this.#parts.context.positions.read(pos, this.#traits().view, posPath);
  }

  #place(now: Pos, asked: Position | undefined): Placed {
    const known = this.#session.subscriptions.get(this.#topic.r);
    return known?.kind === 'collection' ? this.#widen(known) : this.#make(now, asked);
  }

  #make(now: Pos, asked: Position | undefined): Placed {
    this.#parts.members.demandRoom(this.#session, 'collection');
    const audience = this.#topic.audience(this.#traits());
    const one = new CollectionSubscription(this.#session, audience, asked?.pos ?? now);
    if (asked) one.view = asked.view;
    this.#parts.members.begin(one);
    const { round } = one;
    const start = () => {
      if (one.round !== round || one.progress !== 'waiting') return;
      if (asked === undefined) this.#parts.catchUp.beginNow(one);
      else this.#parts.catchUp.begin(one);
    };
    return { ...this.#placed(one), start };
  }

  #traits(): AudienceTraits {
    const { listener } = this.#session;
    return traitsOf(this.#parts.context, this.#model, this.#demand.fields, listener);
  }

  /** It has heard everything since it was made: a position that the client names does not matter. */
  #widen(one: CollectionSubscription): Placed {
    seat(this.#parts.context, this.#parts.members, one);
    const fields = widened(this.#model, one.audience.fields, this.#demand.fields);
    if (fields !== one.audience.fields) this.#parts.regrouping.move(one, fields);
    return this.#placed(one);
  }

  #placed(one: CollectionSubscription): Placed {
    const { fields, view } = one.audience;
    return { key: one.key, fields: seenFields(this.#model, { fields, hidden: [] }), view };
  }
}

/** What a subscribe command asks of a collection. */
export function collectionDemand(
  { r, names, parents }: CollectionR,
  item: Pick<CollectionDemand, 'fields' | 'pos' | 'after'>,
  index: number,
): CollectionDemand {
  const posPath = `body.subscriptions[${index}].pos`;
  const { fields, pos, after } = item;
  return { r, scope: { names, parents }, fields, pos, after, posPath };
}
