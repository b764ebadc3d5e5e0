import type { JsonObject, SubscribeRequest } from '@really/protocol';
import type { FailedItem } from '../live/subscribe.js';
import { auditSubscribe } from './admin-audit.js';
import { type Handler, pushTargetOf } from './services.js';

/** The command part of rules SUB1 to SUB10; the live layer does the rest. */
export const subscribe: Handler<SubscribeRequest> = async (context, request) => {
  const { live } = context.services;
  const { subscriptions: asked } = request.body;
  auditSubscribe(
    context,
    asked.map(({ r }) => r),
  );
  const { start, ...result } = await live.subscribe(pushTargetOf(context), asked);
  const subscriptions = result.subscriptions.map(({ r, fields, view }) => {
    return { r, fields: [...fields], view };
  });
  const failures = result.failures.map(failureBody);
  const body = { subscriptions, ...(failures.length > 0 && { failures }) };
  return { body: { body }, afterwards: start };
};

function failureBody({ r, error }: FailedItem): JsonObject {
  return { r, error: { ...error.toJSON() }, ...(error.meta && { meta: { ...error.meta } }) };
}
