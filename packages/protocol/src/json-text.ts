import { isJsonObject, type JsonValue } from './json.js';

/**
 * A number in a JSON text of which `JSON.parse` may make a whole one, though it has a fraction: a long one that is next to
 * a whole one, or many digits moved behind the point by an exponent, or one that is next to 0. It begins with what stands
 * before a number, so that its digits are run through once.
 */
const suspicious =
  /[:,[\s]-?\d(?:(?=[\d.]{16})\d*\.(?:000|999)|\d{12,}\.\d|[\d.]*[eE]-\d{3}|[\d.]{15,}[eE])/;

/** Every message is looked at, and most have neither a point nor an exponent: searching for these costs next to nothing. */
function isSuspicious(text: string): boolean {
  const hasFraction = text.includes('.') || text.includes('e-') || text.includes('E-');
  return hasFraction && suspicious.test(text);
}

/** The members of these objects and lists that were rounded to whole numbers; none where they are further inside. */
const rounded = new WeakMap<object, Set<string>>();

/**
 * `JSON.parse`, which remembers the numbers that lost a fraction and became whole by it, such as
 * 9007199254740990.9 (see `isRounded`). Only a text that may hold one is read with more care.
 */
export function parseJson(text: string): unknown {
  return isSuspicious(text) ? parseCarefully(text) : JSON.parse(text);
}

/** Whether this number came as one with a fraction, and is a whole one by rounding alone. */
export function isRounded(container: object, member: string | number): boolean {
  return rounded.get(container)?.has(String(member)) ?? false;
}

/** Whether a number in it was rounded to a whole one. */
export function holdsRounded(value: unknown): boolean {
  return typeof value === 'object' && value !== null && rounded.has(value);
}

/** For a copy: what is remembered of the original holds for it too. */
export function keepRounded(original: object, copy: object): void {
  const members = rounded.get(original);
  if (members) rounded.set(copy, members);
}

interface Source {
  readonly source?: string;
}

function parseCarefully(text: string): unknown {
  // Older engines do not show the text of a number: there is nothing to remember then.
  return JSON.parse(text, function (this: unknown, name: string, value: unknown, from?: Source) {
    const isNumber = typeof value === 'number' && from?.source !== undefined;
    if (isNumber && isRoundedFrom(from.source, value)) membersOf(this)?.add(name);
    else if (holdsRounded(value)) membersOf(this);
    return value;
  });
}

function membersOf(container: unknown): Set<string> | undefined {
  if (!Array.isArray(container) && !isJsonObject(container)) return undefined;
  const members = rounded.get(container) ?? new Set<string>();
  rounded.set(container, members);
  return members;
}

/** Whether the number that is written has a fraction, and the one that was read has none. */
export function isRoundedFrom(source: string, value: number): boolean {
  if (!Number.isInteger(value)) return false;
  const [, whole = '', fraction = '', exponent = '0'] = number.exec(source) ?? [];
  const digits = `${whole}${fraction}`.replace(/0+$/, '');
  if (/^0*$/.test(digits)) return false;
  const zeros = whole.length + fraction.length - digits.length;
  return Number(exponent) - fraction.length + zeros < 0;
}

const number = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * The path of the first number in a value that is not finite, such as `.a[2]`, and '' for the value itself; `undefined`
 * where all are. `JSON.parse` makes Infinity of 1e400, which JSON cannot say.
 */
export function infiniteIn(value: JsonValue): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : '';
  return firstInside(value, infiniteIn);
}

/** As `infiniteIn`, of the first number that JSON does not keep as it is: it is not finite, or whole and beyond ±(2^53 − 1). */
export function inexactIn(value: JsonValue): string | undefined {
  if (typeof value === 'number') return isExact(value) ? undefined : '';
  return firstInside(value, inexactIn);
}

export function isExact(value: number): boolean {
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
}

function firstInside(
  value: JsonValue,
  look: (member: JsonValue) => string | undefined,
): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      const inside = look(element);
      if (inside !== undefined) return `[${index}]${inside}`;
    }
    return undefined;
  }
  for (const [name, member] of Object.entries(value)) {
    const inside = look(member);
    if (inside !== undefined) return `.${name}${inside}`;
  }
  return undefined;
}
