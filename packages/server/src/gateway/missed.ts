import { fail, parseR } from '@really/protocol';
import type { Final, Place, Under } from '../live/frame.js';
import type { Parked } from '../live/parked.js';
import { failedFrame } from '../live/push-message.js';
import type { ParkedSession } from './handles.js';
import type { SentPush, SentPushes } from './sent-pushes.js';

/** What a client that resumes gets: first what was sent before and did not arrive, then what its subscriptions missed. */
export interface Missed {
  readonly frames: readonly SentPush[];
  readonly subscriptions: readonly Parked[];
  /** Rights without which the frames must not be sent. */
  readonly seenUnder: readonly Under[];
}

/** By subscription, the first of its pushes that did not arrive; a snapshot among them goes before. */
type FirstMissed = ReadonlyMap<string, Place>;

/** A subscription that was parked, and lives. */
type Living = Extract<Parked, { view: string }>;

/**
 * Rules RES2, RES3 and RES5. `received`: how many pushes the client says it got; without it, all that are left may be new
 * to it. `isSeen`: whether the one that resumes has these rights. Where the pushes do not reach back so far, what is missing is told again,
 * and so it is where it was seen under other rights. `undefined` where nobody knows what that is.
 */
export function missedOf(
  { sent, subscriptions }: Pick<ParkedSession, 'sent' | 'subscriptions'>,
  received: number | undefined,
  isSeen: (under: Under) => boolean,
): Missed | undefined {
  if (!sent) return { frames: [], subscriptions, seenUnder: [] };
  const from = received ?? sent.before;
  const again = new SentAgain(sent, isSeen);
  const frames = sent.after(from);
  return frames
    ? seenAlike({ subscriptions, from }, frames, again)
    : toldAgain(sent, { subscriptions, from }, again);
}

/** Which pushes may be sent once more: those that were seen under the rights that the one who resumes has. */
class SentAgain {
  readonly frames: SentPush[] = [];
  /** What takes the place of pushes that may not. */
  readonly ended: Parked[] = [];
  readonly seenUnder: Under[] = [];
  readonly #sent: SentPushes;
  readonly #isSeen: (under: Under) => boolean;
  /** By subscription, whether its pushes may be sent again. */
  readonly #isTold = new Map<string, boolean>();

  constructor(sent: SentPushes, isSeen: (under: Under) => boolean) {
    this.#sent = sent;
    this.#isSeen = isSeen;
  }

  /** A subscription that lives. The answer is whether what it missed after the first `from` pushes may be sent as it was. */
  live(one: Living, from: number): boolean {
    const key = keyOf(one);
    const under = { names: one.model.names, view: one.view };
    const isTold = this.#see(under) && !this.#sent.isOutdated(key, from);
    this.#isTold.set(key, isTold);
    return isTold;
  }

  /** Takes the pushes after the first `from`. To be called once, after `live`. */
  take(pushes: readonly SentPush[], from: number): void {
    // From the last one on: how a subscription ended says what may be told of it.
    for (const [index, push] of [...pushes.entries()].reverse()) {
      const { place } = push;
      if (place?.kind === 'final') this.#takeFinal(push, place);
      else if (!place || place.kind === 'notice') this.frames.push(push);
      // What was unsubscribed from nobody waits for.
      else if (this.#isTold.get(place.key) && !this.#sent.isOutdated(place.key, from + index)) {
        this.frames.push(push);
      }
    }
    this.frames.reverse();
  }

  #takeFinal(push: SentPush, { key, r, deletedAt, under }: Final): void {
    // It began anew after that, and what it told before has nothing to do with it.
    if (this.#isTold.has(key)) return void this.#isTold.set(key, false);
    const isTold = under === undefined || this.#see(under);
    this.#isTold.set(key, isTold);
    if (isTold) this.frames.push(push);
    else if (deletedAt === undefined) this.frames.push(goneFrame(r, key));
    else this.ended.push({ kind: 'ended', item: { r, target: parseR(r), rev: deletedAt - 1 } });
  }

  #see(under: Under): boolean {
    const isSeen = this.#isSeen(under);
    if (isSeen) this.seenUnder.push(under);
    return isSeen;
  }
}

interface Left {
  readonly subscriptions: readonly Parked[];
  readonly from: number;
}

/** Leaves out what was seen under other rights. */
function seenAlike(
  { subscriptions, from }: Left,
  frames: readonly SentPush[],
  again: SentAgain,
): Missed {
  const isOther = new Set<Parked>();
  for (const one of subscriptions) {
    if (isLiving(one) && !again.live(one, from)) isOther.add(one);
  }
  again.take(frames, from);
  const first = firstMissed(frames.map(({ place }) => place));
  const goesOn = (one: Parked) => (isOther.has(one) ? goOn(one, first) : one);
  return {
    frames: [...again.frames, ...[...isOther].flatMap((one) => failedOf(one, first) ?? [])],
    subscriptions: [...subscriptions.flatMap((one) => goesOn(one) ?? []), ...again.ended],
    seenUnder: again.seenUnder,
  };
}

function isLiving(one: Parked): one is Living {
  return 'view' in one;
}

function keyOf(one: Living): string {
  return one.kind === 'query' ? one.key : one.item.r;
}

function toldAgain(
  sent: SentPushes,
  { subscriptions, from }: Left,
  again: SentAgain,
): Missed | undefined {
  const finals = sent.finalsAfter(from);
  if (!finals) return undefined;
  for (const one of subscriptions) if (isLiving(one)) again.live(one, from);
  again.take(finals, from);
  const places = sent.placesAfter(from);
  const first = places && firstMissed(places);
  return {
    frames: [...again.frames, ...subscriptions.flatMap((one) => failedOf(one, first) ?? [])],
    subscriptions: [...subscriptions.flatMap((one) => goOn(one, first) ?? []), ...again.ended],
    seenUnder: again.seenUnder,
  };
}

function firstMissed(places: readonly (Place | undefined)[]): FirstMissed {
  const first = new Map<string, Place>();
  for (const place of places) {
    if (!place || place.kind === 'final' || place.kind === 'notice') continue;
    if (place.kind === 'snapshot' || !first.has(place.key)) first.set(place.key, place);
  }
  return first;
}

/** `first` is `undefined` where it is not known. What then goes by a position is `undefined`, too. */
function goOn(one: Parked, first: FirstMissed | undefined): Parked | undefined {
  if (!isLiving(one)) return one;
  const place = first?.get(keyOf(one));
  if (first && !place) return one;
  if (one.kind === 'query') return undefined;
  const { after } = one.item;
  if (after !== undefined) {
    if (place?.kind !== 'creation') return undefined;
    return { ...one, item: { ...one.item, after: { ...after, pos: place.pos - 1 } } };
  }
  const { rev: told, ...item } = one.item;
  const goesOn = told !== undefined && place?.kind === 'revision';
  return { ...one, item: goesOn ? { ...item, rev: place.rev - 1 } : item };
}

function failedOf(one: Parked, first: FirstMissed | undefined): SentPush | undefined {
  if (!isLiving(one) || goOn(one, first)) return undefined;
  return goneFrame(one.kind === 'query' ? one.request.r : one.item.r, keyOf(one));
}

function goneFrame(r: string, key: string): SentPush {
  return failedFrame(r, fail('position.gone'), { subscription: key === r ? undefined : key });
}
