import { isUtf8 } from 'node:buffer';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '@really/protocol';
import type { Limits } from '../../platform/limits.js';
import type { Clock } from '../../platform/platform.js';
import type { Intake } from '../limits/intake.js';

/** What a message costs beyond its bytes; nothing for a short one. */
export interface MessageSize {
  readonly members: number;
  /** Approximate memory beyond its text: a list takes 40 bytes, and two in a message. */
  readonly memory: number;
}

export const noSize: MessageSize = { members: 0, memory: 0 };

/** In bytes, on average. */
const memoryOf = { container: 40, member: 24, element: 8 };

export type ParsedMessage =
  | ({ readonly kind: 'message'; readonly message: JsonObject } & MessageSize)
  /** Exceeds the JSON limits: `member` says where, `detail` which limit. */
  | {
      readonly kind: 'exceeds-limits';
      readonly message: JsonObject;
      readonly member: string;
      readonly detail: JsonLimitProblem;
    }
  /** Not JSON, or JSON that is not an object. */
  | { readonly kind: 'malformed' };

export type JsonLimitProblem = 'too.deep' | 'key.too.long';

/** Rule LIM8. */
export type JsonLimits = Pick<Limits, 'depth' | 'keyLength'>;

/** Size in bytes from which the time to parse a message is measured. */
export const worthTiming = 1024;

export interface ParsingDeps {
  readonly platform: { readonly clock: Pick<Clock, 'monotonic'> };
  readonly limits: JsonLimits;
}

/** As `parseMessage`, and charges what that costs beyond its bytes (rule LIM27). */
export function parseCharged(
  bytes: Buffer,
  { platform, limits }: ParsingDeps,
  intake: Pick<Intake, 'payParsed'>,
): ParsedMessage {
  if (bytes.length < worthTiming) return parseMessage(bytes, limits);
  const begun = platform.clock.monotonic();
  const parsed = parseMessage(bytes, limits);
  intake.payParsed({
    bytes: bytes.length,
    time: platform.clock.monotonic() - begun,
    members: parsed.kind === 'message' ? parsed.members : 0,
  });
  return parsed;
}

const malformed: ParsedMessage = { kind: 'malformed' };

export function parseMessage(bytes: Buffer, jsonLimits: JsonLimits): ParsedMessage {
  const message = readJson(bytes);
  if (!isJsonObject(message)) return malformed;
  // A level takes at least two characters, so most messages need no check.
  if (bytes.length <= Math.min(jsonLimits.depth * 2, jsonLimits.keyLength)) {
    return { kind: 'message', message, ...noSize };
  }
  const check = new JsonCheck(jsonLimits);
  const names = Object.keys(message);
  check.members = names.length;
  for (const member of names) {
    const long = member.length > jsonLimits.keyLength;
    const detail = long ? 'key.too.long' : check.problemIn(message[member], jsonLimits.depth - 1);
    if (!detail) continue;
    const named = long ? member.slice(0, jsonLimits.keyLength) : member;
    return { kind: 'exceeds-limits', message, member: named, detail };
  }
  const { members, memory } = check;
  return { kind: 'message', message, members, memory };
}

function readJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined;
  try {
    return parseJson(bytes.toString());
  } catch {
    return undefined;
  }
}

/** Checks and counts everything in a message. */
class JsonCheck {
  members = 0;
  /** Lists and objects. */
  #containers = 0;
  #elements = 0;
  readonly #keyLength: number;

  constructor({ keyLength }: JsonLimits) {
    this.#keyLength = keyLength;
  }

  get memory(): number {
    const { container, member, element } = memoryOf;
    return this.#containers * container + this.members * member + this.#elements * element;
  }

  /** `levels`: how many more are allowed. */
  problemIn(value: JsonValue | undefined, levels: number): JsonLimitProblem | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    if (levels <= 0) return 'too.deep';
    this.#containers++;
    if (Array.isArray(value)) {
      this.#elements += value.length;
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
