import type { JsonObject } from '../json/json.js';

/** What every request has. */
export interface RequestBase {
  readonly tag: number;
  readonly traceId?: string | undefined;
}

/** What is read of a message before anything else; each part `undefined` where it is not usable. */
export interface Envelope {
  /** An integer from 0. */
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
