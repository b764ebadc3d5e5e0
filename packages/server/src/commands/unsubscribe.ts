import type { UnsubscribeRequest } from '@really/protocol';
import type { Handler } from './services.js';

/** Rule UNS1. */
export const unsubscribe: Handler<UnsubscribeRequest> = async (context, request) => {
  const { live } = context.services;
  return { body: { body: live.unsubscribe(context.pushTarget, request.body.subscriptions) } };
};
