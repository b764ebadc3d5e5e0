import type { JsonObject } from '../json/json.js';
import type { ObjectR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { AnyObject, NoOptions, R, TraceId } from './schema/parts.js';
import { objectOf } from './target.js';

export const presentSchema = Type.Object({
  traceId: TraceId,
  r: R,
  body: AnyObject,
  cmdOpts: Type.Optional(NoOptions),
});

/** Changes the own state in a room (rule PRS3). */
export interface PresentRequest extends RequestBase {
  readonly cmd: 'present';
  readonly target: ObjectR;
  /** Members to set; null removes one. */
  readonly body: JsonObject;
}

const check = checkerOf(presentSchema);

export function parsePresent(message: JsonObject, tag: number): PresentRequest {
  const target = objectOf(message);
  const { traceId, body } = check(message) as Static<typeof presentSchema>;
  return { cmd: 'present', tag, traceId, target, body };
}
