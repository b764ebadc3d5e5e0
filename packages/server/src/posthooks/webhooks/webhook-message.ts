import type { JsonObject, JsonValue } from '@really/protocol';
import { Webhook } from 'standardwebhooks';
import { createWrite } from '../../objects/change.js';
import type { WriteRequest } from '../../objects/write-request.js';
import type { HookEvent } from '../outbox.js';

/** An event to be delivered to one endpoint, as stored. */
export interface WebhookMessage {
  /** The same in every attempt. */
  readonly id: string;
  readonly type: string;
  readonly data: JsonValue;
  /** The object whose hook emitted it. */
  readonly r: string;
  /** When the object was written, milliseconds since the Unix epoch. */
  readonly at: number;
}

export function messageWrite(endpoint: string, event: HookEvent, id: string): WriteRequest {
  const { name: type, data, r: about, at } = event;
  const r = `/_webhooks/${endpoint}/deliveries/${id}`;
  const message: JsonObject = { id, type, data, r: about, at };
  return {
    r,
    fresh: true,
    prepare() {
      const write = createWrite(r, message, { by: { uid: '_system' }, at, modelVersion: 0 });
      return { ...write, change: { ...write.change, created: {} } };
    },
  };
}

export function readMessage(stored: JsonObject): WebhookMessage | undefined {
  const { id, type, data = null, r, at } = stored;
  const isWhole =
    typeof id === 'string' &&
    typeof type === 'string' &&
    typeof r === 'string' &&
    typeof at === 'number';
  return isWhole ? { id, type, data, r, at } : undefined;
}

export interface SignedMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Rule POST8: as in Standard Webhooks. `now`: milliseconds since the Unix epoch. */
export function signed(
  { id, type, data, at }: WebhookMessage,
  secret: string | undefined,
  now: number,
): SignedMessage {
  const body = JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': 'really',
    'webhook-id': id,
    'webhook-timestamp': `${Math.floor(now / 1000)}`,
  };
  if (secret !== undefined) {
    headers['webhook-signature'] = signer(secret).sign(id, new Date(now), body);
  }
  return { headers, body };
}

/** Throws where the secret has no valid base64 after `whsec_`. */
export function signer(secret: string): Webhook {
  if (secret.startsWith('whsec_')) return new Webhook(secret);
  return new Webhook(Buffer.from(secret, 'utf8'), { format: 'raw' });
}
