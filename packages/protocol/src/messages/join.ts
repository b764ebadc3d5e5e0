import type { JsonObject } from '../json/json.js';
import type { ObjectR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { AnyObject, NoOptions, Options, R, TraceId } from './schema/parts.js';
import { objectOf } from './target.js';

export const joinSchema = Type.Object({
  traceId: TraceId,
  r: R,
  body: Type.Optional(Options({ state: Type.Optional(AnyObject) })),
  cmdOpts: Type.Optional(NoOptions),
});

/** Watches the room of an object (rule PRS1). */
export interface JoinRoomRequest extends RequestBase {
  readonly cmd: 'join';
  readonly target: ObjectR;
  /** `undefined`: only watch. */
  readonly state: JsonObject | undefined;
}

const check = checkerOf(joinSchema);

export function parseJoin(message: JsonObject, tag: number): JoinRoomRequest {
  const target = objectOf(message);
  const { traceId, body } = check(message) as Static<typeof joinSchema>;
  return { cmd: 'join', tag, traceId, target, state: body?.state };
}
