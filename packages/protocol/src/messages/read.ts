import type { JsonObject } from '../json/json.js';
import type { CollectionR } from '../r.js';
import { mostSortKeys, sortKeysOf } from '../sort.js';
import { type Static, Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { ArgumentErrors } from './schema/argument-errors.js';
import { checkerOf } from './schema/check-schema.js';
import { AnyObject, Fields, Limit, Options, Position, R, TraceId } from './schema/parts.js';
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
  /** Fields, the first one first, each `-name` for descending: `-priority,name`, or a list. */
  sort: Type.Optional(
    Type.Union([
      Type.String({ minLength: 1 }),
      Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: mostSortKeys }),
    ]),
  ),
  limit: Type.Optional(Limit),
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
  if (options.sort !== undefined) {
    if (options.ascending !== undefined)
      errors.add('cmdOpts.ascending', 'expected.absent.with.sort');
    const fields = sortKeysOf(options.sort).map(({ field }) => field);
    if (fields.length > mostSortKeys)
      errors.add('cmdOpts.sort', `expected.from.1.to.${mostSortKeys}.fields`);
    else if (fields.includes('')) errors.add('cmdOpts.sort', 'expected.names.of.fields');
    else if (new Set(fields).size < fields.length)
      errors.add('cmdOpts.sort', 'expected.each.field.once');
  }
  if (options.subscribe !== true) {
    if (options.since !== undefined)
      errors.add('cmdOpts.since', 'expected.absent.without.subscribe');
  } else {
    if (options.skip !== undefined) errors.add('cmdOpts.skip', 'expected.absent.with.subscribe');
  }
  errors.throwIfAny();
}
