import type { SubscribeRequest } from '@really/protocol';
import type { Handler } from './services.js';

/** Rules SUB1 to SUB10, as far as the command goes; the rest is the live layer's. */
export const subscribe: Handler<SubscribeRequest> = async (context, request) => {
  const { live } = context.services;
  const { body, start } = await live.subscribe(context.pushTarget, request.body.subscriptions);
  return { body: { body }, afterwards: start };
};
