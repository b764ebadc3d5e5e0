import { fail, type ProtocolError } from '@really/protocol';
import type { Budget, Budgets } from '../platform/budget.js';
import type { LimitKey, Limits, Rates } from '../platform/limits.js';
import type { Clock } from '../platform/platform.js';
import { RateLimit } from '../platform/scheduling/rate-limit.js';
import type { RoomConnection } from './membership.js';

export type RoomLimits = Pick<
  Limits,
  'rooms' | 'roomMembersPerUid' | 'roomMembersPerNode' | 'roomStatesPerNode'
>;

export type RoomRates = Pick<Rates, 'sends' | 'roomBytes'>;

export interface RoomBudgetOptions {
  readonly limits: RoomLimits;
  readonly rates: RoomRates;
  readonly budgets: Budgets;
  readonly clock: Clock;
}

const second = 1000;

/** What rooms may take: of a connection, of a uid, and of the node (section PRS). */
export class RoomBudget {
  readonly #options: RoomBudgetOptions;
  readonly #members: Budget;
  readonly #states: Budget;
  readonly #byOwner = new Map<string, number>();
  /** By connection, or by owner without one. */
  readonly #sends: RateLimit;
  /** Bytes that go out, by owner. */
  readonly #bytes: RateLimit;

  constructor(options: RoomBudgetOptions) {
    const { limits, rates, budgets, clock } = options;
    this.#options = options;
    this.#members = budgets.total('limits.roomMembersPerNode', limits.roomMembersPerNode);
    this.#states = budgets.total('limits.roomStatesPerNode', limits.roomStatesPerNode);
    this.#sends = new RateLimit({ amount: rates.sends, window: second, clock });
    this.#bytes = new RateLimit({ amount: rates.roomBytes, window: second, clock });
  }

  /** Throws 429 if the connection is in as many rooms as it may be. */
  assertRoom({ memberships, pendingJoins }: RoomConnection): void {
    if (memberships.size + pendingJoins < this.#options.limits.rooms) return;
    throw this.#refusal('limits.rooms');
  }

  /** Takes a place in a room. Throws 429 if none is left for the uid, or on the node. */
  enter(owner: string): void {
    const used = this.#byOwner.get(owner) ?? 0;
    if (used >= this.#options.limits.roomMembersPerUid) {
      throw this.#refusal('limits.roomMembersPerUid');
    }
    if (!this.#members.take(1)) throw limitError('limits.roomMembersPerNode');
    this.#byOwner.set(owner, used + 1);
  }

  leave(owner: string): void {
    const left = (this.#byOwner.get(owner) ?? 1) - 1;
    if (left > 0) this.#byOwner.set(owner, left);
    else this.#byOwner.delete(owner);
    this.#members.giveBack(1);
  }

  /** Replaces the bytes charged for a state. Throws 429 if the node has no room for more. */
  charge(before: number, after: number): void {
    if (after > before && !this.#states.take(after - before)) {
      throw limitError('limits.roomStatesPerNode');
    }
    if (after < before) this.#states.giveBack(before - after);
  }

  /** Counts a message. Throws 429 beyond the rate of its connection. */
  takeSend(key: string): void {
    const retryAfter = this.#sends.take(key);
    if (retryAfter > 0) throw this.#refusal('rate.sends', retryAfter);
  }

  /** Throws 429 while the owner is in debt for what went out because of it. */
  assertBytes(owner: string): void {
    const debt = this.#bytes.owe(owner, 0);
    if (debt > 0) throw this.#refusal('rate.roomBytes', Math.max(1, Math.ceil(debt / second)));
  }

  /** Bytes that go out to all who watch. */
  payBytes(owner: string, bytes: number): void {
    this.#bytes.owe(owner, bytes);
  }

  #refusal(key: Parameters<typeof limitError>[0], retryAfter?: number): ProtocolError {
    this.#options.budgets.refuse(key);
    return limitError(key, retryAfter);
  }
}

function limitError(
  key: Extract<LimitKey, `limits.${keyof RoomLimits}` | `rate.${keyof RoomRates}`>,
  retryAfter = 1,
): ProtocolError {
  return fail.rateLimited(retryAfter, { r: [`beyond ${key}`] });
}
