import type { JsonObject, JsonValue } from '../json/json.js';
import type { ObjectR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { AnyValue, NoOptions, Options, R, TraceId } from './schema/parts.js';
import { objectOf } from './target.js';

export const sendSchema = Type.Object({
  traceId: TraceId,
  r: R,
  body: Options({
    event: Type.String({ minLength: 1, maxLength: 128 }),
    data: Type.Optional(AnyValue),
  }),
  cmdOpts: Type.Optional(NoOptions),
});

/** Sends a message to all who watch a room (rule PRS4). */
export interface SendRequest extends RequestBase {
  readonly cmd: 'send';
  readonly target: ObjectR;
  readonly body: { readonly event: string; readonly data?: JsonValue | undefined };
}

const check = checkerOf(sendSchema);

export function parseSend(message: JsonObject, tag: number): SendRequest {
  const target = objectOf(message);
  const { traceId, body } = check(message) as Static<typeof sendSchema>;
  return { cmd: 'send', tag, traceId, target, body };
}
