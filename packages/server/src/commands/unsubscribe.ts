import type { UnsubscribeRequest } from '@really/protocol';
import { type Handler, pushTargetOf } from './services.js';

/** Rule UNS1. */
export const unsubscribe: Handler<UnsubscribeRequest> = async (context, request) => {
  const { live } = context.services;
  return { body: { body: live.unsubscribe(pushTargetOf(context), request.body.subscriptions) } };
};
