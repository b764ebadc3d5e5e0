import { fail } from '@really/protocol';
import { unavailable } from '../../../objects/unavailable.js';
import type { LiveContext } from '../../live-context.js';
import type { PushTarget } from '../../push-target.js';
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

/** What a rewind reads: it is limited, and charged to whom it is for (rules LIM14, LIM44). */
export class RewindRoom {
  readonly #target: Pick<PushTarget, 'charge'>;
  #left: number;
  #rateWait: Promise<void> | undefined;

  /** `bytes`: approximately as many. */
  constructor(bytes: number, target: Pick<PushTarget, 'charge'>) {
    this.#left = bytes;
    this.#target = target;
  }

  get left(): number {
    return this.#left;
  }

  /** Resolves when the target may read on. */
  get rateWait(): Promise<void> | undefined {
    return this.#rateWait;
  }

  /** Of one change or object. Throws 410 `position.gone` where it is more than is left. */
  take(bytes: number): void {
    this.charge(bytes);
    this.#left -= bytes;
    if (this.#left < 0) throw fail('position.gone');
  }

  charge(bytes: number): void {
    this.#rateWait = this.#target.charge?.(bytes) ?? this.#rateWait;
  }
}
