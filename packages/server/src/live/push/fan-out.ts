import type { Steps } from '../../platform/scheduling/tick-slice.js';
import type { LiveMetrics } from '../live-metrics.js';
import type { PushTarget } from '../push-target.js';
import type { SubscriptionProgress } from '../registry/subscription-owner.js';

/** Members pushed to before yielding. */
const defaultPortion = 512;

/** Cost of authorizing and encoding for another group, in members pushed to. */
const groupWork = 16;

/**
 * Splits large fan-outs by an estimate of work, counted in members pushed to: the clock is read
 * only when they are large (rule LIM42).
 */
export class FanOutPace {
  readonly portion: number;
  #work = 0;

  constructor(portion = defaultPortion) {
    this.portion = portion;
  }

  /** Groups per portion. */
  get groups(): number {
    return Math.ceil(this.portion / groupWork);
  }

  /** Counts work done; true when it is time to yield. */
  isDue(work: number): boolean {
    this.#work += work;
    if (this.#work < this.portion) return false;
    this.#work = 0;
    return true;
  }

  /** Counts work, unless it is time to yield before it is done. */
  hasTimeFor(work: number): boolean {
    if (this.#work + work >= this.portion) return false;
    this.#work += work;
    return true;
  }
}

interface Pausable {
  progress: SubscriptionProgress;
  readonly session: { readonly pushTarget: PushTarget };
}

/**
 * Rule LIM4: true if its connection accepts a push. Otherwise the subscription is paused until the
 * output buffer has room again.
 */
export function canPush(
  { metrics }: { readonly metrics: LiveMetrics },
  subscription: Pausable,
): boolean {
  if (!subscription.session.pushTarget.congested) return true;
  subscription.progress = 'paused';
  metrics.pauses.add();
  return false;
}

/**
 * Calls `push` for the members of a group: at once if they are few, and otherwise in steps (rule
 * LIM42). From the last to the first: those who leave are replaced by already visited ones, and
 * those who come meanwhile have what is pushed. Returns how often it was true.
 */
export function fanOut<M>(
  pace: FanOutPace,
  { members }: { readonly members: readonly M[] },
  push: (member: M) => boolean,
): number | Steps<number> {
  const isShort = pace.hasTimeFor(groupWork + members.length);
  return isShort ? pushToSome(members, push, 0, members.length) : pushInSteps(pace, members, push);
}

function* pushInSteps<M>(
  pace: FanOutPace,
  members: readonly M[],
  push: (member: M) => boolean,
): Steps<number> {
  const { portion } = pace;
  let pushes = 0;
  if (pace.isDue(groupWork)) yield;
  for (let end = members.length; end > 0; end -= portion) {
    pushes += pushToSome(members, push, Math.max(0, end - portion), end);
    if (pace.isDue(Math.min(end, portion))) yield;
  }
  return pushes;
}

function pushToSome<M>(
  members: readonly M[],
  push: (member: M) => boolean,
  begin: number,
  end: number,
): number {
  let pushes = 0;
  for (let index = Math.min(end, members.length) - 1; index >= begin; index--) {
    const member = members[index];
    if (member !== undefined && push(member)) pushes += 1;
  }
  return pushes;
}
