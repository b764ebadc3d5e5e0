import { fail } from '@really/protocol';
import type { Final, ReplayPoint, SentPush, Under } from '../../live/push/frame.js';
import { failedFrame } from '../../live/push/push-message.js';
import type { ResumableSubscription } from '../../live/resume/resumable-subscription.js';
import type { Steps } from '../../platform/scheduling/tick-slice.js';
import type { PushBuffer } from './push-buffer.js';
import type { ResumableSession } from './resumable-sessions.js';

/** What a resuming client gets: pushes that did not arrive, then what its subscriptions missed. */
export interface ResumeBacklog {
  readonly frames: readonly SentPush[];
  readonly subscriptions: readonly ResumableSubscription[];
  /** Rights without which the frames must not be sent. */
  readonly seenUnder: readonly Under[];
}

/** By subscription, the first of its pushes that did not arrive; a snapshot takes precedence. */
type FirstMissed = ReadonlyMap<string, ReplayPoint>;

/** A resumable subscription that has not ended. */
type Living = Extract<ResumableSubscription, { view: string }>;

/**
 * Rules RES2, RES3 and RES5. `received`: the number of pushes the client says it got; if unknown,
 * all that are buffered may be new to it. `isSeen`: whether the resuming client has these rights.
 * What the buffer does not reach back to, or what was seen under other rights, is read again from
 * the store. `undefined` if it is not known what that is.
 */
export function* resumeBacklog(
  { sent, subscriptions }: Pick<ResumableSession, 'sent' | 'subscriptions'>,
  received: number | undefined,
  isSeen: (under: Under) => boolean,
): Steps<ResumeBacklog | undefined> {
  if (!sent) return { frames: [], subscriptions, seenUnder: [] };
  const from = received ?? sent.before;
  const kept = sent.after(from);
  const pushes = kept ?? sent.finalsAfter(from);
  if (!pushes) return undefined;
  const again = new SentAgain(sent, isSeen);
  const readAgain = new Set<ResumableSubscription>();
  for (const subscription of subscriptions) {
    if (isLiving(subscription)) {
      const canResend = again.live(subscription, from);
      if (!canResend || !kept) readAgain.add(subscription);
    }
    yield;
  }
  again.take(pushes, from);
  const points = kept?.map(({ replayPoint }) => replayPoint) ?? sent.replayPointsAfter(from);
  const first = points && firstMissed(points);
  const goesOn = (subscription: ResumableSubscription) =>
    readAgain.has(subscription) ? continuedFrom(subscription, first) : subscription;
  return {
    frames: [
      ...again.frames,
      ...[...readAgain].flatMap((subscription) => failedOf(subscription, first) ?? []),
    ],
    subscriptions: [
      ...subscriptions.flatMap((subscription) => goesOn(subscription) ?? []),
      ...again.ended,
    ],
    seenUnder: again.seenUnder,
  };
}

/** Selects the pushes that may be sent again: seen under rights that the client still has. */
class SentAgain {
  readonly frames: SentPush[] = [];
  /** Ends of subscriptions, in place of pushes that may not be sent. */
  readonly ended: ResumableSubscription[] = [];
  readonly seenUnder: Under[] = [];
  readonly #sent: PushBuffer;
  readonly #isSeen: (under: Under) => boolean;
  /** By subscription, whether its pushes may be sent again. */
  readonly #canResend = new Map<string, boolean>();

  constructor(sent: PushBuffer, isSeen: (under: Under) => boolean) {
    this.#sent = sent;
    this.#isSeen = isSeen;
  }

  /** Adds one that has not ended. Returns whether what it missed may be sent as it was. */
  live(subscription: Living, from: number): boolean {
    const key = keyOf(subscription);
    const { model, view } = subscription;
    const { r } = subscription.kind === 'item' ? subscription.item : subscription.request;
    const under = { names: model.names, r, view };
    const canResend = this.#see(under) && !this.#sent.isOutdated(key, from);
    this.#canResend.set(key, canResend);
    return canResend;
  }

  /** Selects from the pushes after the first `from`. Call once, after `live`. */
  take(pushes: readonly SentPush[], from: number): void {
    // Backwards: how a subscription ended decides what may be sent of it.
    for (const [index, push] of [...pushes.entries()].reverse()) {
      const { replayPoint } = push;
      if (replayPoint?.kind === 'final') this.#takeFinal(push, replayPoint);
      else if (!replayPoint || replayPoint.kind === 'notice') this.frames.push(push);
      // The client does not expect anything from what it unsubscribed.
      else if (
        this.#canResend.get(replayPoint.key) &&
        !this.#sent.isOutdated(replayPoint.key, from + index)
      ) {
        this.frames.push(push);
      }
    }
    this.frames.reverse();
  }

  #takeFinal(push: SentPush, { key, r, deletedAt, under }: Final): void {
    // It was subscribed again after that, so its earlier pushes are obsolete.
    if (this.#canResend.has(key)) return void this.#canResend.set(key, false);
    const canResend = under === undefined || this.#see(under);
    this.#canResend.set(key, canResend);
    if (canResend) this.frames.push(push);
    else if (deletedAt === undefined) this.frames.push(positionGoneFrame(r, key));
    else this.ended.push({ kind: 'ended', item: { r, rev: deletedAt - 1 } });
  }

  #see(under: Under): boolean {
    const isSeen = this.#isSeen(under);
    if (isSeen) this.seenUnder.push(under);
    return isSeen;
  }
}

function isLiving(subscription: ResumableSubscription): subscription is Living {
  return 'view' in subscription;
}

function keyOf(subscription: Living): string {
  return subscription.kind === 'query' ? subscription.key : subscription.item.r;
}

function firstMissed(replayPoints: readonly (ReplayPoint | undefined)[]): FirstMissed {
  const first = new Map<string, ReplayPoint>();
  for (const replayPoint of replayPoints) {
    if (!replayPoint || replayPoint.kind === 'final' || replayPoint.kind === 'notice') continue;
    if (replayPoint.kind === 'snapshot' || !first.has(replayPoint.key))
      first.set(replayPoint.key, replayPoint);
  }
  return first;
}

/** `undefined` if it depends on a position that is not known; `first`: `undefined` if unknown. */
function continuedFrom(
  subscription: ResumableSubscription,
  first: FirstMissed | undefined,
): ResumableSubscription | undefined {
  if (!isLiving(subscription)) return subscription;
  const replayPoint = first?.get(keyOf(subscription));
  if (first && !replayPoint) return subscription;
  if (subscription.kind === 'query') return undefined;
  const { after } = subscription.item;
  if (after !== undefined) {
    if (replayPoint?.kind !== 'creation') return undefined;
    return {
      ...subscription,
      item: { ...subscription.item, after: { ...after, pos: replayPoint.pos - 1 } },
    };
  }
  const { rev: sentRev, ...item } = subscription.item;
  const goesOn = sentRev !== undefined && replayPoint?.kind === 'revision';
  return { ...subscription, item: goesOn ? { ...item, rev: replayPoint.rev - 1 } : item };
}

function failedOf(
  subscription: ResumableSubscription,
  first: FirstMissed | undefined,
): SentPush | undefined {
  if (!isLiving(subscription) || continuedFrom(subscription, first)) return undefined;
  return positionGoneFrame(
    subscription.kind === 'query' ? subscription.request.r : subscription.item.r,
    keyOf(subscription),
  );
}

function positionGoneFrame(r: string, key: string): SentPush {
  return failedFrame(r, fail('position.gone'), { subscription: key === r ? undefined : key });
}
