import type { JsonObject } from '../json/json.js';
import type { CollectionR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import { QuerySchema } from './read.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { Options, R, TraceId } from './schema/parts.js';
import { collectionOf } from './target.js';

const CountOptions = Options({ query: Type.Optional(QuerySchema) });

export const countSchema = Type.Object({
  traceId: TraceId,
  r: R,
  cmdOpts: Type.Optional(CountOptions),
});

export interface CountRequest extends RequestBase {
  readonly cmd: 'count';
  readonly target: CollectionR;
  readonly cmdOpts: Static<typeof CountOptions>;
}

const check = checkerOf(countSchema);

export function parseCount(message: JsonObject, tag: number): CountRequest {
  const target = collectionOf(message);
  const { traceId, cmdOpts } = check(message) as Static<typeof countSchema>;
  return { cmd: 'count', tag, traceId, target, cmdOpts: cmdOpts ?? {} };
}
