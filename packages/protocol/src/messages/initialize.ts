import type { JsonObject } from '../json/json.js';
import { Type } from '../typebox.js';
import type { RequestBase } from './request.js';
import { AnyValue } from './schema/parts.js';

/**
 * The schema of `initialize`. Nothing here is refused: a token of a wrong type is an invalid token.
 */
export const initializeSchema = Type.Object({
  accessToken: Type.Optional(AnyValue),
  'connection-handle': Type.Optional(Type.String()),
  received: Type.Optional(Type.Integer({ minimum: 0 })),
  models: Type.Optional(Type.String()),
});

export interface InitializeRequest extends RequestBase {
  readonly cmd: 'initialize';
  /** As received: a text if it is a token at all. */
  readonly accessToken: unknown;
  /** The connection to resume, and how many pushes the client received there. */
  readonly handle?: string | undefined;
  readonly received?: number | undefined;
  /** Whether the client names the models that its types were made from, and asks for those of the server. */
  readonly asksModels?: true | undefined;
}

export function parseInitialize(message: JsonObject, tag: number): InitializeRequest {
  const { accessToken, received, traceId } = message;
  const handle = message['connection-handle'] ?? undefined;
  return {
    cmd: 'initialize',
    tag,
    traceId: typeof traceId === 'string' ? traceId : undefined,
    // Not optional, so null does not count as absent: it is a token of a wrong type.
    accessToken,
    // A handle that is no text is unknown, like any other invalid one.
    handle: handle === undefined || typeof handle === 'string' ? handle : '',
    received: isCount(received) ? received : undefined,
    asksModels: typeof message.models === 'string' || undefined,
  };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}
