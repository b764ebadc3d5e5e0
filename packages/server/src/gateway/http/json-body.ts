import { fail, type JsonObject } from '@really/protocol';
import { type JsonLimits, parseMessage } from '../websocket/parse-message.js';

/** Rule HTTP4: a body is JSON whatever its Content-Type. `undefined` if there is none. */
export function jsonBody(body: unknown, jsonLimits: JsonLimits): JsonObject | undefined {
  return parsedBody(body, jsonLimits)?.message;
}

/** As `jsonBody`, with the number of members of its objects. */
export function parsedBody(
  body: unknown,
  jsonLimits: JsonLimits,
): { readonly message: JsonObject; readonly members: number } | undefined {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
  const parsed = parseMessage(body, jsonLimits);
  if (parsed.kind === 'message') return parsed;
  if (parsed.kind === 'malformed') throw fail('json.malformed');
  throw fail.invalid(parsed.member, parsed.detail);
}
