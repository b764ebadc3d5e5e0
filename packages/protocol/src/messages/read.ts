import type { JsonObject } from '../json/json.js';
import type { CollectionR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { ArgumentErrors } from './schema/argument-errors.js';
import { checkerOf } from './schema/check-schema.js';
import { AnyObject, Fields, Options, Position, R, TraceId } from './schema/parts.js';
import { collectionOf } from './target.js';

/** Items of a read by default. */
export const defaultReadLimit = 200;

export const QuerySchema = Options({
  filter: Type.String(),
  values: Type.Optional(AnyObject),
});

const ReadOptions = Options({
  fields: Type.Optional(Fields),
  query: Type.Optional(QuerySchema),
  ascending: Type.Optional(Type.Boolean()),
  /** A field, `-name` for descending. */
  sort: Type.Optional(Type.String({ minLength: 1 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  skip: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  paginationToken: Type.Optional(Type.String()),
  includeTotalCount: Type.Optional(Type.Boolean()),
  subscribe: Type.Optional(Type.Boolean()),
  since: Type.Optional(Position),
});

export const readSchema = Type.Object({
  traceId: TraceId,
  r: R,
  cmdOpts: Type.Optional(ReadOptions),
});

export interface ReadRequest extends RequestBase {
  readonly cmd: 'read';
  readonly target: CollectionR;
  readonly cmdOpts: Static<typeof ReadOptions>;
}

const check = checkerOf(readSchema);

export function parseRead(message: JsonObject, tag: number): ReadRequest {
  const target = collectionOf(message);
  const { traceId, cmdOpts = {} } = check(message) as Static<typeof readSchema>;
  checkTogether(cmdOpts);
  return { cmd: 'read', tag, traceId, target, cmdOpts };
}

/** Options that exclude or require each other. */
function checkTogether(options: Static<typeof ReadOptions>): void {
  const errors = new ArgumentErrors();
  if (options.sort !== undefined && options.ascending !== undefined) {
    errors.add('cmdOpts.ascending', 'expected.absent.with.sort');
  }
  if (options.subscribe !== true) {
    if (options.since !== undefined)
      errors.add('cmdOpts.since', 'expected.absent.without.subscribe');
  } else {
    for (const name of ['skip', 'paginationToken'] as const) {
      if (options[name] === undefined) continue;
      errors.add(`cmdOpts.${name}`, 'expected.absent.with.subscribe');
    }
  }
  errors.throwIfAny();
}
