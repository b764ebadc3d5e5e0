import type { JsonObject } from '../json/json.js';
import type { Delta } from '../ops/field-op.js';
import type { ObjectR } from '../r.js';
import { type Static, Type } from '../typebox.js';
import type { ChangeMeta } from './push.js';
import type { RequestBase } from './request.js';
import { checkerOf } from './schema/check-schema.js';
import { Options, R, TraceId } from './schema/parts.js';
import { objectOf } from './target.js';

/** Entries of a history by default. */
export const defaultHistoryLimit = 100;

const HistoryOptions = Options({
  /** Only revisions before this one; by default all. */
  before: Type.Optional(Type.Integer({ minimum: 1 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
});

export const historySchema = Type.Object({
  traceId: TraceId,
  r: R,
  cmdOpts: Type.Optional(HistoryOptions),
});

export interface HistoryRequest extends RequestBase {
  readonly cmd: 'history';
  readonly target: ObjectR;
  readonly cmdOpts: Static<typeof HistoryOptions>;
}

const check = checkerOf(historySchema);

export function parseHistory(message: JsonObject, tag: number): HistoryRequest {
  const target = objectOf(message);
  const { traceId, cmdOpts } = check(message) as Static<typeof historySchema>;
  return { cmd: 'history', tag, traceId, target, cmdOpts: cmdOpts ?? {} };
}

/** One revision; `body` as the push of it has it (rule ADM2). */
export type HistoryEntry =
  | ({ rev: number; evt: 'created'; body: JsonObject } & ChangeMeta)
  | ({ rev: number; evt: 'updated'; body: Delta } & ChangeMeta)
  /** Without time and author where the history no longer has the deletion. */
  | ({ rev: number; evt: 'deleted' } & Partial<ChangeMeta>);

/** `body` of the response to a history. */
export type HistoryBody = {
  /** Newest first. */
  entries: HistoryEntry[];
  /** `before` of the next page; absent at the end. */
  next?: number;
};
