import { fail } from '@really/protocol';
import { unavailable } from '../../../objects/unavailable.js';
import { readBytes } from '../../../platform/limits.js';
import type { LiveContext } from '../../live-context.js';
import type { SubscriptionOwner } from '../../registry/subscription-owner.js';

/**
 * A rewind lets others have their turn, and what it reads is limited and charged to whom it is for
 * (rules LIM14, LIM44).
 */
export class RewindLimits {
  readonly #slice: LiveContext['slice'];
  readonly #session: Pick<SubscriptionOwner, 'pushTarget' | 'dropped'>;
  /** Approximate bytes that may still be read. */
  left: number;
  /** Resolves when the target may read on. */
  rateWait: Promise<void> | undefined;

  constructor(
    { slice, limits }: Pick<LiveContext, 'slice' | 'limits'>,
    session: Pick<SubscriptionOwner, 'pushTarget' | 'dropped'>,
  ) {
    this.#slice = slice;
    this.#session = session;
    this.left = readBytes(limits);
  }

  /** Whether it is time to rest. */
  get isOver(): boolean {
    return this.#slice.isOver;
  }

  /** Rejects where the subscriber left meanwhile. */
  async rest(): Promise<void> {
    await this.#slice.rest(this.#session.pushTarget.address);
    if (this.#session.dropped) throw unavailable();
  }

  /** Of one change or object. Throws 410 `position.gone` where it is more than is left. */
  take(bytes: number): void {
    this.charge(bytes);
    this.left -= bytes;
    if (this.left < 0) throw fail('position.gone');
  }

  charge(bytes: number): void {
    this.rateWait = this.#session.pushTarget.charge?.(bytes) ?? this.rateWait;
  }
}
