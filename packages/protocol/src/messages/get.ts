import type { JsonObject } from '../json/json.js';
import type { ObjectR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { Fields, Options, R, TraceId } from './schema/parts.js';
import { objectOf } from './target.js';

const GetOptions = Options({ fields: Type.Optional(Fields) });

export const getSchema = Type.Object({
  traceId: TraceId,
  r: R,
  cmdOpts: Type.Optional(GetOptions),
});

export interface GetRequest extends RequestBase {
  readonly cmd: 'get';
  readonly target: ObjectR;
  readonly cmdOpts: Static<typeof GetOptions>;
}

const check = checkerOf(getSchema);

export function parseGet(message: JsonObject, tag: number): GetRequest {
  const target = objectOf(message);
  const { traceId, cmdOpts } = check(message) as Static<typeof getSchema>;
  return { cmd: 'get', tag, traceId, target, cmdOpts: cmdOpts ?? {} };
}
