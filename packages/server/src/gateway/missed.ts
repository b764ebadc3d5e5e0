import { fail } from '@really/protocol';
import type { Place } from '../live/frame.js';
import type { Parked } from '../live/parked.js';
import { failedFrame } from '../live/push-message.js';
import type { ParkedSession } from './handles.js';
import type { SentPush, SentPushes } from './sent-pushes.js';

/** What a client that resumes gets: first what was sent before and did not arrive, then what its subscriptions missed. */
export interface Missed {
  readonly frames: readonly SentPush[];
  readonly subscriptions: readonly Parked[];
}

/** By subscription, the first of its pushes that did not arrive; a snapshot among them goes before. */
type FirstMissed = ReadonlyMap<string, Place>;

/** A subscription that was parked, as far as it matters under which view. */
export type SeenUnder = Exclude<Parked, { kind: 'last-query' }>;

/** What the one that resumes may see. */
export interface Resumer {
  /** It is the same in all respects as the one that was parked. */
  readonly isSame: boolean;
  /** Whether it sees a subscription under the view that it was parked with. */
  readonly isSeen: (one: SeenUnder) => boolean;
}

/**
 * Rules RES2, RES3 and RES5. `received`: how many pushes the client says it got; without it, all that are left may be new
 * to it. Where they do not reach back so far, what is missing is told again, and so it is where it was seen under
 * another view. `undefined` where nobody knows what that is.
 */
export function missedOf(
  { sent, subscriptions }: Pick<ParkedSession, 'sent' | 'subscriptions'>,
  received: number | undefined,
  resumer: Resumer,
): Missed | undefined {
  if (!sent) return { frames: [], subscriptions };
  const from = received ?? sent.before;
  const frames = sent.after(from);
  if (frames) return seenAlike({ sent, subscriptions, from }, frames, resumer);
  return toldAgain(sent, subscriptions, from);
}

/** Leaves out what was seen under another view. */
function seenAlike(
  parked: {
    readonly sent: SentPushes;
    readonly subscriptions: readonly Parked[];
    readonly from: number;
  },
  frames: readonly SentPush[],
  { isSame, isSeen }: Resumer,
): Missed {
  const { sent, subscriptions, from } = parked;
  const kept = new Set<string>();
  const others: SeenUnder[] = [];
  for (const one of subscriptions) {
    if (one.kind === 'last-query') continue;
    if (isSeen(one) && !sent.isOutdated(keyOf(one), from)) kept.add(keyOf(one));
    else others.push(one);
  }
  if (isSame && others.length === 0) return { frames, subscriptions };
  const told = frames.filter(({ place }) => {
    return place === undefined || place.kind === 'final' || kept.has(place.key);
  });
  const first = firstMissed(frames.map(({ place }) => place));
  const isOther = new Set<Parked>(others);
  return {
    frames: [...told, ...others.flatMap((one) => goneFrame(one, first) ?? [])],
    subscriptions: subscriptions.flatMap((one) =>
      isOther.has(one) ? (goOn(one, first) ?? []) : one,
    ),
  };
}

function keyOf(one: SeenUnder): string {
  return one.kind === 'query' ? one.key : one.item.r;
}

function toldAgain(
  sent: SentPushes,
  subscriptions: readonly Parked[],
  received: number,
): Missed | undefined {
  const finals = sent.finalsAfter(received);
  if (!finals) return undefined;
  const places = sent.placesAfter(received);
  const first = places && firstMissed(places);
  return {
    frames: [...finals, ...subscriptions.flatMap((one) => goneFrame(one, first) ?? [])],
    subscriptions: subscriptions.flatMap((one) => goOn(one, first) ?? []),
  };
}

function firstMissed(places: readonly (Place | undefined)[]): FirstMissed {
  const first = new Map<string, Place>();
  for (const place of places) {
    if (!place || place.kind === 'final') continue;
    if (place.kind === 'snapshot' || !first.has(place.key)) first.set(place.key, place);
  }
  return first;
}

/** `first` is `undefined` where it is not known. What then goes by a position is `undefined`, too. */
function goOn(one: Parked, first: FirstMissed | undefined): Parked | undefined {
  if (one.kind === 'last-query') return one;
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

function goneFrame(one: Parked, first: FirstMissed | undefined): SentPush | undefined {
  if (one.kind === 'last-query' || goOn(one, first)) return undefined;
  const error = fail('position.gone');
  if (one.kind === 'query') return failedFrame(one.request.r, error, one.key);
  return failedFrame(one.item.r, error);
}
