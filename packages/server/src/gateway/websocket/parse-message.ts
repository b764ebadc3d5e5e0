import { isUtf8 } from 'node:buffer';
import { type JsonObject, type JsonValue, parseJson } from '@really/protocol';

export type ParsedMessage =
  /** `members`: how many its objects have, all together; 0 of a short message. */
  | { readonly kind: 'message'; readonly message: JsonObject; readonly members: number }
  /** Beyond what a message may look like: `member` says where, `detail` in what. */
  | {
      readonly kind: 'exceeds-limits';
      readonly message: JsonObject;
      readonly member: string;
      readonly detail: JsonLimitProblem;
    }
  /** No JSON, or JSON that is not an object. */
  | { readonly kind: 'malformed' };

export type JsonLimitProblem = 'too.deep' | 'key.too.long';

/** Rule LIM8. */
export interface JsonLimits {
  /** Levels of objects and lists, the message itself included. */
  readonly depth: number;
  /** Characters of a member's name. */
  readonly keyLength: number;
}

const malformed: ParsedMessage = { kind: 'malformed' };

/** Reads one text message. */
export function parseMessage(bytes: Buffer, jsonLimits: JsonLimits): ParsedMessage {
  const message = readJson(bytes);
  if (!isObject(message)) return malformed;
  // A level costs two characters, so most messages need no look.
  if (bytes.length <= Math.min(jsonLimits.depth * 2, jsonLimits.keyLength)) {
    return { kind: 'message', message, members: 0 };
  }
  const look = new Look(jsonLimits);
  const names = Object.keys(message);
  look.members = names.length;
  for (const member of names) {
    const long = member.length > jsonLimits.keyLength;
    const detail = long ? 'key.too.long' : look.problemIn(message[member], jsonLimits.depth - 1);
    if (!detail) continue;
    const named = long ? member.slice(0, jsonLimits.keyLength) : member;
    return { kind: 'exceeds-limits', message, member: named, detail };
  }
  return { kind: 'message', message, members: look.members };
}

function readJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined;
  try {
    return parseJson(bytes.toString());
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One look at everything in a message. */
class Look {
  /** Of all objects that were looked at. */
  members = 0;
  readonly #keyLength: number;

  constructor({ keyLength }: JsonLimits) {
    this.#keyLength = keyLength;
  }

  /** `levels`: how many more there may be. */
  problemIn(value: JsonValue | undefined, levels: number): JsonLimitProblem | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    if (levels <= 0) return 'too.deep';
    if (Array.isArray(value)) {
      for (const element of value) {
        const problem = this.problemIn(element, levels - 1);
        if (problem) return problem;
      }
      return undefined;
    }
    const names = Object.keys(value);
    this.members += names.length;
    for (const member of names) {
      if (member.length > this.#keyLength) return 'key.too.long';
      const problem = this.problemIn(value[member], levels - 1);
      if (problem) return problem;
    }
    return undefined;
  }
}
