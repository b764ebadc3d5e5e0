import { fail } from '../errors.js';
import type { JsonObject } from '../json/json.js';
import { type ParsedR, parseR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { Fields, NoOptions, R, TraceId } from './schema/parts.js';

const Item = Type.Union([Type.String(), Type.Object({ r: R, fields: Type.Optional(Fields) })]);

export const unsubscribeSchema = Type.Object({
  traceId: TraceId,
  body: Type.Object({ subscriptions: Type.Array(Item) }),
  cmdOpts: Type.Optional(NoOptions),
});

export interface UnsubscribeRequest extends RequestBase {
  readonly cmd: 'unsubscribe';
  readonly body: { readonly subscriptions: readonly UnsubscribeItem[] };
}

export type UnsubscribeItem =
  | {
      readonly kind: 'r';
      /** As sent. */
      readonly r: string;
      /** `undefined` where `r` is no R. */
      readonly target: ParsedR | undefined;
      /** Only these are removed from the subscription. */
      readonly fields?: readonly string[] | undefined;
    }
  /** The subscription of a read, by the id in its response. */
  | { readonly kind: 'query'; readonly id: string };

const check = checkerOf(unsubscribeSchema);

export function parseUnsubscribe(message: JsonObject, tag: number): UnsubscribeRequest {
  const { traceId, body } = check(message) as Static<typeof unsubscribeSchema>;
  const subscriptions = body.subscriptions.map(itemOf);
  return { cmd: 'unsubscribe', tag, traceId, body: { subscriptions } };
}

function itemOf(item: Static<typeof Item>, index: number): UnsubscribeItem {
  const { r, fields } = typeof item === 'string' ? { r: item, fields: undefined } : item;
  if (r.startsWith('/')) return { kind: 'r', r, target: parseR(r), fields };
  // A window has the fields that it was read with: it ends as a whole.
  if (fields) throw fail.invalid(`body.subscriptions[${index}].fields`, 'not.of.queries');
  return { kind: 'query', id: r };
}
