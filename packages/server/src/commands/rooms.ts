import type {
  JoinRoomRequest,
  LeaveRequest,
  ObjectR,
  PresentRequest,
  SendRequest,
} from '@really/protocol';
import type { RoomTopic } from '../presence/room-rights.js';
import { auditSend, auditSubscribe } from './admin-audit.js';
import { type Handler, pushTargetOf, requesterOf } from './services.js';

/** The commands of rooms: rules PRS1 and PRS3 to PRS5. The presence layer does the rest. */

export const join: Handler<JoinRoomRequest> = async (context, request) => {
  const { target, state } = request;
  const { rooms } = context.services;
  auditSubscribe(context, [target.r]);
  const { body, begin } = await rooms.join(pushTargetOf(context), topicOf(target), state);
  if (state !== undefined) auditSend(context, request);
  return { body: { r: target.r, body }, afterwards: begin };
};

export const present: Handler<PresentRequest> = async (context, request) => {
  const { target, body } = request;
  const { rooms } = context.services;
  const begin = await rooms.present(pushTargetOf(context), topicOf(target), body);
  auditSend(context, request);
  return { body: { r: target.r }, afterwards: begin };
};

export const send: Handler<SendRequest> = async (context, request) => {
  const { target, body } = request;
  const { address } = requesterOf(context);
  const sender = { auth: context.auth, address, target: context.pushTarget };
  const begin = await context.services.rooms.send(sender, topicOf(target), body);
  auditSend(context, request);
  return { body: { r: target.r }, afterwards: begin };
};

export const leave: Handler<LeaveRequest> = async (context, { target }) => {
  context.services.rooms.leave(pushTargetOf(context), topicOf(target));
  return { body: { r: target.r } };
};

function topicOf({ r, names }: ObjectR): RoomTopic {
  return { r, names };
}
