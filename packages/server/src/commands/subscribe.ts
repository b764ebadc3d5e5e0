import type { SubscribeRequest } from '@really/protocol';
import type { Handler } from './services.js';

/** The command part of rules SUB1 to SUB10; the live layer does the rest. */
export const subscribe: Handler<SubscribeRequest> = async (context, request) => {
  const { live } = context.services;
  const { body, start } = await live.subscribe(context.pushTarget, request.body.subscriptions);
  return { body: { body }, afterwards: start };
};
