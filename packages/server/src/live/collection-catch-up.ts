import { fail } from '@really/protocol';
import { pushView } from '../model/view.js';
import { ownerOf } from '../queries/owner.js';
import type { Created } from '../store/store.js';
import { type CollectionDelivery, CreationFrames, creationOf } from './collection-delivery.js';
import { creationPage } from './collection-feed.js';
import type { CollectionSubscription } from './collection-subscription.js';
import { type LiveContext, modelOf } from './live-context.js';
import type { Members } from './members.js';
import { PastReads } from './past-reads.js';
import { seat } from './seating.js';
import type { Turns } from './turns.js';

/** Brings single subscriptions from their position to where their collection is, page by page. */
export class CollectionCatchUp {
  readonly #context: LiveContext;
  readonly #delivery: CollectionDelivery;
  readonly #members: Members;
  readonly #turns: Turns;

  constructor(
    context: LiveContext,
    parts: { delivery: CollectionDelivery; members: Members; turns: Turns },
  ) {
    this.#context = context;
    this.#delivery = parts.delivery;
    this.#members = parts.members;
    this.#turns = parts.turns;
  }

  /** Begins, or begins anew: what was under way for this subscription stops. */
  begin(one: CollectionSubscription): void {
    one.progress = 'behind';
    one.round += 1;
    const { round } = one;
    this.#turns.run(one.session, () => this.#run(one, round));
  }

  /** As `begin`, for one whose position is that of the store a moment ago: mostly nothing has to be read. */
  beginNow(one: CollectionSubscription): void {
    if (one.pos >= one.topic.taken) one.progress = 'live';
    else this.begin(one);
  }

  /**
   * To where it belongs now, when it is its turn. One that is live has heard all that was taken, so nothing has to be read for it unless
   * something is under way, or comes meanwhile.
   */
  reseat(one: CollectionSubscription): void {
    if (one.progress === 'waiting') seat(this.#context, this.#members, one);
    if (one.progress !== 'live' && one.progress !== 'behind') return;
    if (one.progress === 'behind' || one.topic.work) {
      this.begin(one);
      return;
    }
    one.pos = Math.max(one.pos, one.topic.taken);
    one.progress = 'behind';
    one.round += 1;
    const { round } = one;
    this.#turns.run(one.session, async () => {
      if (one.round !== round || one.progress !== 'behind') return;
      seat(this.#context, this.#members, one);
      if (one.pos >= one.topic.taken) one.progress = 'live';
      else await this.#run(one, round);
    });
  }

  /** Never rejects. */
  async #run(one: CollectionSubscription, round: number): Promise<void> {
    try {
      if (one.round === round && one.progress === 'behind') seat(this.#context, this.#members, one);
      while (one.round === round && this.#mayGoOn(one)) {
        const page = await this.#read(one);
        if (one.round !== round) return;
        if (page.gone) throw fail('position.gone');
        await this.#tell(one, round, page);
      }
    } catch (error) {
      if (one.round === round) this.#members.fail([one], error);
    }
  }

  #mayGoOn(one: CollectionSubscription): boolean {
    if (one.progress !== 'behind') return false;
    if (one.session.listener.congested) this.#pause(one);
    return !one.session.listener.congested;
  }

  #read(one: CollectionSubscription): Promise<Created> {
    // Each page has its own time: between them its reader may make it wait.
    const reads = new PastReads(this.#context, ownerOf(one.session.listener));
    return reads.created(one.topic.scope, one.pos, creationPage);
  }

  async #tell(one: CollectionSubscription, round: number, page: Created): Promise<void> {
    const model = modelOf(this.#context, one.topic.scope.names);
    if (!model) throw fail('model.unknown');
    for (const entry of page.entries) {
      const view = await pushView(model, entry.object, one.session.listener.auth);
      if (one.round !== round || one.progress !== 'behind') return;
      const frames = new CreationFrames(this.#context, one.audience, {
        creation: creationOf(entry),
        view,
      });
      if (!this.#delivery.bring(one, frames)) {
        this.#pause(one);
        return;
      }
    }
    if (one.round !== round) return;
    one.pos = Math.max(one.pos, page.through);
    // The last page, and its collection took no creation meanwhile that it does not know of.
    if (page.entries.length < creationPage && one.pos >= one.topic.taken) one.progress = 'live';
  }

  #pause(one: CollectionSubscription): void {
    one.progress = 'paused';
    this.#context.metrics.pauses.add();
  }
}
