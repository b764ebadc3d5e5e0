import type { JsonObject } from '@really/protocol';
import { Type } from '@really/protocol/schema';
import { requestOf, systemCreation } from '../../objects/system-records.js';
import type { WriteRequest } from '../../objects/write-request.js';
import { AnyValue, fits } from '../../platform/record-schema.js';
import type { StandardWebhookMessage } from '../../platform/standard-webhook.js';
import type { HookEvent } from '../hook-writes.js';

/**
 * Stores an event to be delivered to one endpoint. `r`: the object whose hook emitted it; `at`: when
 * that was written.
 */
export function messageWrite(endpoint: string, event: HookEvent, id: string): WriteRequest {
  const { name: type, data, r: about, at, owner } = event;
  const r = `/_webhooks/${endpoint}/deliveries/${id}`;
  return requestOf(systemCreation(r, { id, type, data, r: about, at, owner }, at));
}

const messageSchema = Type.Object({
  id: Type.String(),
  type: Type.String(),
  r: Type.String(),
  at: Type.Number(),
  data: Type.Optional(AnyValue),
});

/** `undefined` where this version cannot read it. */
export function readMessage(stored: JsonObject): StandardWebhookMessage | undefined {
  return fits(messageSchema, stored) ? { data: null, ...stored } : undefined;
}
