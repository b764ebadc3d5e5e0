import type { ProtocolError, RoomFailedPush, RoomMessagePush } from '@really/protocol';
import type { RoomSending } from '../bus/room-bus.js';
import { encodeFrame, type Frame, headOf, lazyFrame } from '../live/push/frame.js';
import type { KnownList, RoomListChange } from './member-list.js';

/** The pushes of section PRS, each encoded once for all recipients. */

/** Rule PRS6. */
export function changeFrame(r: string, { joined, changed, left, count }: RoomListChange): Frame {
  const body = `{"joined":[${joined.join()}],"changed":[${changed.join()}],"left":${JSON.stringify(left)},"count":${count}}`;
  return encodeFrame(presenceText(r, body), undefined, presenceHead);
}

/** Rule PRS7. It may be large, and is offered at each tick to a socket that takes none. */
export function listFrame(r: string, { members, count }: KnownList): Frame {
  return lazyFrame(() => {
    const texts = Array.from(members.values(), ({ text }) => text);
    return presenceText(r, `{"members":[${texts.join()}],"count":${count}}`);
  }, presenceHead);
}

const presenceHead = headOf({ evt: 'presence' });

function presenceText(r: string, body: string): string {
  return `{"evt":"presence","eph":true,"r":${JSON.stringify(r)},"body":${body}}`;
}

/** Rule PRS4. */
export function sentFrame(r: string, { member, by, event, data }: RoomSending): Frame {
  const push: RoomMessagePush = {
    evt: 'sent',
    eph: true,
    r,
    meta: { ...(member !== undefined && { member }), opBy: by },
    body: { event, ...(data !== undefined && { data }) },
  };
  return encodeFrame(JSON.stringify(push), undefined, headOf(push));
}

/** Rule PRS10. */
export function roomFailedFrame(r: string, error: ProtocolError): Frame {
  const push: RoomFailedPush = { evt: 'failed', eph: true, r, error: error.toJSON() };
  const text = JSON.stringify(error.meta ? { ...push, meta: error.meta } : push);
  return encodeFrame(text, undefined, headOf(push));
}
