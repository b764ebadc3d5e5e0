import { fail } from '../errors.js';
import type { JsonObject } from '../json/json.js';
import type { ParsedR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { AnyObject, R, TraceId, WriteOptions } from './schema/parts.js';
import { targetOf } from './target.js';

export const createSchema = Type.Object({
  traceId: TraceId,
  r: R,
  body: AnyObject,
  cmdOpts: Type.Optional(WriteOptions),
});

export interface CreateRequest extends RequestBase {
  readonly cmd: 'create';
  /** A collection without wildcards, or an object where the client chose the id. */
  readonly target: ParsedR;
  readonly body: JsonObject;
  readonly cmdOpts: Static<typeof WriteOptions>;
}

const check = checkerOf(createSchema);

export function parseCreate(message: JsonObject, tag: number): CreateRequest {
  const target = targetOf(message);
  if (target.kind === 'collection' && target.parents.includes('*')) throw fail('r.invalid');
  const { traceId, body, cmdOpts } = check(message) as Static<typeof createSchema>;
  return { cmd: 'create', tag, traceId, target, body, cmdOpts: cmdOpts ?? {} };
}
