import { unavailable } from '../../../objects/unavailable.js';
import type { LiveContext } from '../../live-context.js';
import type { SubscriptionOwner } from '../../registry/subscription-owner.js';

/** Lets others have their turn while a rewind works. */
export class RewindPace {
  readonly #slice: LiveContext['slice'];
  readonly #session: Pick<SubscriptionOwner, 'pushTarget' | 'dropped'>;

  constructor(
    { slice }: Pick<LiveContext, 'slice'>,
    session: Pick<SubscriptionOwner, 'pushTarget' | 'dropped'>,
  ) {
    this.#slice = slice;
    this.#session = session;
  }

  get isOver(): boolean {
    return this.#slice.isOver;
  }

  /** Rejects where the subscriber left meanwhile. */
  async rest(): Promise<void> {
    await this.#slice.rest(this.#session.pushTarget.address);
    if (this.#session.dropped) throw unavailable();
  }
}
