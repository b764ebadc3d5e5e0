import type { JsonObject } from '../json/json.js';

/** Members of every request. */
export interface RequestBase {
  readonly tag: number;
  readonly traceId?: string | undefined;
}

/** The members of a message that are read first; each `undefined` where it is not usable. */
export interface Envelope {
  /** An integer of at least 0. */
  readonly tag: number | undefined;
  /** In lower case. */
  readonly cmd: string | undefined;
}

export function readEnvelope(message: JsonObject): Envelope {
  const { tag, cmd } = message;
  return {
    tag: typeof tag === 'number' && Number.isSafeInteger(tag) && tag >= 0 ? tag : undefined,
    cmd: typeof cmd === 'string' ? cmd.toLowerCase() : undefined,
  };
}
