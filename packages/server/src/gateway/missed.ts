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

/**
 * Rules RES2 and RES3. `received`: how many pushes the client says it got; without it, all that are left may be new to
 * it. Where they do not reach back so far, what is missing is told again. `undefined` where nobody knows what that is.
 */
export function missedOf(
  { sent, subscriptions }: ParkedSession,
  received: number | undefined,
): Missed | undefined {
  const frames = received === undefined ? (sent?.last ?? []) : sent ? sent.after(received) : [];
  if (frames) return { frames, subscriptions };
  return sent && received !== undefined ? toldAgain(sent, subscriptions, received) : undefined;
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
  const place = first?.get(one.kind === 'query' ? one.key : one.item.r);
  if (first && !place) return one;
  if (one.kind === 'query') return undefined;
  if (one.item.pos !== undefined) {
    if (place?.kind !== 'creation') return undefined;
    return { ...one, item: { ...one.item, pos: String(place.pos - 1) } };
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
