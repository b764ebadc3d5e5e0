import { fail } from '../errors.js';
import type { JsonObject, JsonValue } from '../json/json.js';
import { infiniteIn } from '../json/json-text.js';
import { Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { AnyValue } from './schema/parts.js';

/** `ping` and its alias `poke`. Other members are ignored. */
export const pingSchema = Type.Object({ timestamp: Type.Optional(AnyValue) });

export interface PingRequest extends RequestBase {
  readonly cmd: 'ping';
  /** Returned as sent; `undefined` if missing. */
  readonly timestamp?: JsonValue | undefined;
}

export function parsePing(message: JsonObject, tag: number): PingRequest {
  const { timestamp } = message;
  const infinite = timestamp === undefined ? undefined : infiniteIn(timestamp);
  if (infinite !== undefined) throw fail.invalid(`timestamp${infinite}`, 'number.out.of.range');
  return { cmd: 'ping', tag, timestamp };
}
