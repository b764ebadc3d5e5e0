import { fail, type JsonObject } from '@really/protocol';
import { encodeFrame } from '../live/frame.js';
import type { Parked } from '../live/parked.js';
import type { ParkedSession } from './handles.js';

/** What a client that resumes gets: first what was sent before and did not arrive, then what its subscriptions missed. */
export interface Missed {
  readonly frames: readonly Buffer[];
  readonly subscriptions: readonly Parked[];
}

/**
 * Rules RES2 and RES3. `received`: how many pushes the client says it got; without it, all that are left may be new to
 * it. Where they do not reach back so far, objects begin with a snapshot, and what goes by positions has to be asked for anew.
 */
export function missedOf(
  { sent, subscriptions }: ParkedSession,
  received: number | undefined,
): Missed {
  const frames = received === undefined ? (sent?.last ?? []) : sent ? sent.after(received) : [];
  if (frames) return { frames, subscriptions };
  return {
    frames: subscriptions.flatMap((one) => goneFrame(one) ?? []),
    subscriptions: subscriptions.flatMap((one) => fromScratch(one) ?? []),
  };
}

function fromScratch(one: Parked): Parked | undefined {
  if (one.kind === 'last-query') return one;
  if (one.kind === 'query' || one.item.pos !== undefined) return undefined;
  const { rev: _rev, ...item } = one.item;
  return { ...one, item };
}

function goneFrame(one: Parked): Buffer | undefined {
  if (one.kind === 'last-query' || fromScratch(one)) return undefined;
  const error = { ...fail('position.gone').toJSON() };
  const push: JsonObject =
    one.kind === 'query'
      ? { evt: 'failed', r: one.request.r, error, meta: { subscription: one.key } }
      : { evt: 'failed', r: one.item.r, error };
  return encodeFrame(JSON.stringify(push)).bytes;
}
