import type { JsonObject } from '../json/json.js';
import type { ObjectR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { ChangeOptions, R, Rev, TraceId } from './schema/parts.js';
import { objectOf } from './target.js';

export const deleteSchema = Type.Object({
  traceId: TraceId,
  r: R,
  rev: Type.Optional(Rev),
  cmdOpts: Type.Optional(ChangeOptions),
});

export interface DeleteRequest extends RequestBase {
  readonly cmd: 'delete';
  readonly target: ObjectR;
  /** If given, the object must still have this revision. */
  readonly rev?: number | undefined;
  readonly cmdOpts: Static<typeof ChangeOptions>;
}

const check = checkerOf(deleteSchema);

export function parseDelete(message: JsonObject, tag: number): DeleteRequest {
  const target = objectOf(message);
  const { traceId, rev, cmdOpts } = check(message) as Static<typeof deleteSchema>;
  return { cmd: 'delete', tag, traceId, target, rev, cmdOpts: cmdOpts ?? {} };
}
