import type { JsonObject } from '../json/json.js';
import type { ObjectR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { NoOptions, R, TraceId } from './schema/parts.js';
import { objectOf } from './target.js';

export const leaveSchema = Type.Object({
  traceId: TraceId,
  r: R,
  cmdOpts: Type.Optional(NoOptions),
});

/** Leaves a room (rule PRS5). */
export interface LeaveRequest extends RequestBase {
  readonly cmd: 'leave';
  readonly target: ObjectR;
}

const check = checkerOf(leaveSchema);

export function parseLeave(message: JsonObject, tag: number): LeaveRequest {
  const target = objectOf(message);
  const { traceId } = check(message) as Static<typeof leaveSchema>;
  return { cmd: 'leave', tag, traceId, target };
}
