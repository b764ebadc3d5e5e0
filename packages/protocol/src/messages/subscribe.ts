import type { JsonObject } from '../json/json.js';
import { type ParsedR, parseR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { Fields, Limit, NoOptions, Position, R, Rev, TraceId, View } from './schema/parts.js';

const Item = Type.Object({
  r: R,
  rev: Type.Optional(Rev),
  fields: Type.Optional(Fields),
  pos: Type.Optional(Position),
  view: Type.Optional(View),
  limit: Type.Optional(Limit),
});

export const subscribeSchema = Type.Object({
  traceId: TraceId,
  body: Type.Object({ subscriptions: Type.Array(Item) }),
  cmdOpts: Type.Optional(NoOptions),
});

export interface SubscribeRequest extends RequestBase {
  readonly cmd: 'subscribe';
  readonly body: { readonly subscriptions: readonly SubscribeItem[] };
}

export interface SubscribeItem {
  /** As sent. */
  readonly r: string;
  /** `undefined` where `r` is no R: a failure of this item, not of the request. */
  readonly target: ParsedR | undefined;
  readonly rev?: number | undefined;
  readonly fields?: readonly string[] | undefined;
  readonly pos?: string | undefined;
  /** The view in which `rev` was sent. */
  readonly view?: string | undefined;
  /** Of a query subscription, whose id is `r`: the new limit of its window. */
  readonly limit?: number | undefined;
}

const check = checkerOf(subscribeSchema);

export function parseSubscribe(message: JsonObject, tag: number): SubscribeRequest {
  const { traceId, body } = check(message) as Static<typeof subscribeSchema>;
  const subscriptions = body.subscriptions.map(({ r, ...rest }) => {
    return { ...rest, r, target: parseR(r) };
  });
  return { cmd: 'subscribe', tag, traceId, body: { subscriptions } };
}
