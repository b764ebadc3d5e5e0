import {
  infiniteIn,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
} from '@really/protocol';

/** An error in a line: which member, and what was expected. */
export class InvalidLine extends Error {
  override readonly name = 'InvalidLine';
}

/**
 * Reads the members of an object in a line by their types. Throws an `InvalidLine` for an invalid
 * one.
 */
export class RecordReader {
  readonly #object: JsonObject;
  readonly #path: string;
  readonly #read = new Set<string>();

  constructor(object: JsonObject, path = '') {
    this.#object = object;
    this.#path = path === '' ? '' : `${path}.`;
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  text(name: string): string {
    return this.#expect(name, 'a text', (value) => (typeof value === 'string' ? value : undefined));
  }

  optionalText(name: string): string | undefined {
    return this.has(name) ? this.text(name) : undefined;
  }

  /** An integer of at least `least`. */
  integer(name: string, least: number): number {
    return this.#expect(name, `a whole number from ${least} on`, (value) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= least
        ? value
        : undefined,
    );
  }

  /** True or false; false where it is missing. */
  flag(name: string): boolean {
    if (!this.has(name)) return false;
    return this.#expect(name, 'true or false', (value) =>
      typeof value === 'boolean' ? value : undefined,
    );
  }

  object(name: string): JsonObject {
    return this.#expect(name, 'an object', (value) => (isJsonObject(value) ? value : undefined));
  }

  optionalObject(name: string): JsonObject | undefined {
    return this.has(name) ? this.object(name) : undefined;
  }

  /** An object whose members are revisions, up to `most`; empty if missing. */
  revisions(name: string, most: number): Record<string, number> {
    const object = this.optionalObject(name) ?? {};
    const reader = new RecordReader(object, `${this.#path}${name}`);
    const entries = Object.keys(object).map((key) => [key, reader.upTo(key, most)]);
    return Object.fromEntries(entries) as Record<string, number>;
  }

  upTo(name: string, most: number): number {
    return this.#expect(name, `a revision from 1 to ${most}`, (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most
        ? value
        : undefined,
    );
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    return this.#expect(name, choices.join(', '), (value) =>
      choices.find((choice) => choice === value),
    );
  }

  texts(name: string): string[] | undefined {
    if (!this.has(name)) return undefined;
    return this.#expect(name, 'a list of texts', (value) =>
      Array.isArray(value) && value.every((text) => typeof text === 'string')
        ? (value as string[])
        : undefined,
    );
  }

  /** Throws where there are members that were not read. */
  assertComplete(): void {
    const unknown = Object.keys(this.#object).find((name) => !this.#read.has(name));
    if (unknown === undefined) return;
    const known = [...this.#read].join(', ');
    throw new InvalidLine(`${this.#path}${unknown} is not known; expected ${known}`);
  }

  fail(name: string, expected: string): never {
    throw new InvalidLine(
      `${this.#path}${name}: expected ${expected}, not ${shown(this.#value(name))}`,
    );
  }

  #value(name: string): JsonValue | undefined {
    this.#read.add(name);
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
  }

  #expect<T>(name: string, expected: string, read: (value: JsonValue) => T | undefined): T {
    const value = this.#value(name);
    const found = value === undefined ? undefined : read(value);
    return found === undefined ? this.fail(name, expected) : found;
  }
}

/** A value shortened for a message. */
export function shown(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Throws an `InvalidLine` where it is no JSON object. */
export function objectIn(text: string): JsonObject {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    throw new InvalidLine(`expected a JSON object, not ${shown(text)}`);
  }
  if (!isJsonObject(value)) throw new InvalidLine(`expected a JSON object, not ${shown(text)}`);
  if (!isWithin(value, mostLevels)) {
    throw new InvalidLine(`expected at most ${mostLevels} levels of JSON`);
  }
  const infinite = infiniteIn(value)?.slice(1);
  if (infinite !== undefined)
    throw new InvalidLine(`${infinite}: expected a number that is finite`);
  return value;
}

/** Far beyond what a model allows; deeper values could not even be serialized again. */
const mostLevels = 1000;

function isWithin(value: JsonValue, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  for (const member of Object.values(value)) if (!isWithin(member, levels - 1)) return false;
  return true;
}
