import type { JsonValue } from './json.js';
import { type Finder, NumberScan } from './number-scan.js';

/**
 * A number in a JSON text that `JSON.parse` may round to a whole one: a whole number of many
 * digits, a long one with a fraction next to a whole one, many digits that an exponent moves across
 * the point, or one next to 0. Starts with what precedes a number, so that its digits are scanned
 * once.
 */
const suspicious =
  /[:,[\s]-?\d(?:\d{15}|(?=[\d.]{16})\d*\.(?:000|999)|\d{12,}\.\d|[\d.]*[eE]-\d{3}|[\d.]{15,}[eE])/;

const manyDigits = /\d{16}/;

/**
 * Runs for every message, and most have no point, no exponent and no long number: searching for
 * these is almost free.
 */
function isSuspicious(text: string): boolean {
  const hasFraction = text.includes('.') || text.includes('e-') || text.includes('E-');
  return (hasFraction || manyDigits.test(text)) && suspicious.test(text);
}

/**
 * The members of these objects and lists that were rounded to whole numbers, those of lists by
 * their index; without rounded numbers deeper inside.
 */
const rounded = new WeakMap<object, Members>();

/** A single one needs no set. */
type Members = Set<string | number> | string | number;

/** For containers without such members. */
const none = new Set<string | number>();

/**
 * `JSON.parse` that remembers the numbers that it rounded to whole ones, such as 9007199254740990.9
 * and 9007199254740993 (see `isRounded`). Only a text that may contain one is scanned in detail.
 */
export function parseJson(text: string): unknown {
  return isSuspicious(text) ? parseCarefully(text) : JSON.parse(text);
}

/** Whether this number is a whole one, but not the one that was written. */
export function isRounded(container: object, member: string | number): boolean {
  const members = rounded.get(container);
  const sought = Array.isArray(container) ? Number(member) : String(member);
  return typeof members === 'object' ? members.has(sought) : members === sought;
}

/** Whether any number in the value was rounded to a whole one. */
export function holdsRounded(value: unknown): boolean {
  return typeof value === 'object' && value !== null && rounded.has(value);
}

/** For a copy: marks the same members as rounded as in the original. */
export function keepRounded(original: object, copy: object): void {
  const members = rounded.get(original);
  if (members) rounded.set(copy, members);
}

function parseCarefully(text: string): unknown {
  const value: unknown = JSON.parse(text);
  new NumberScan(text, value, remembering).run();
  return value;
}

const remembering: Finder = {
  isWanted: isRoundedFrom,
  holds: (container) => {
    rounded.set(container, none);
  },
  found: (container, member) => {
    const members = rounded.get(container);
    if (members === undefined || members === none) rounded.set(container, member);
    else if (typeof members === 'object') members.add(member);
    else rounded.set(container, new Set([members, member]));
  },
};

/** Whether the parsed number is a whole one that differs from the source. */
export function isRoundedFrom(source: string, value: number): boolean {
  if (!Number.isInteger(value) || source === String(value)) return false;
  const written = decimalOf(source);
  if (written.digits === '') return false;
  if (written.power < 0) return true;
  return !(isSame(written, decimalOf(String(value))) || isSame(written, exactDecimalOf(value)));
}

interface Decimal {
  /** Without zeros at either end; '' for 0. */
  readonly digits: string;
  /** The power of ten by which the digits are multiplied. */
  readonly power: number;
}

/**
 * Parses a number without its sign. A message may have a hundred thousand of them: regular
 * expressions and products of `BigInt` would take several times as long.
 */
function decimalOf(source: string): Decimal {
  const mark = Math.max(source.indexOf('e'), source.indexOf('E'));
  const mantissa = mark < 0 ? source : source.slice(0, mark);
  const point = mantissa.indexOf('.');
  const start = mantissa.startsWith('-') ? 1 : 0;
  const whole = mantissa.slice(start, point < 0 ? undefined : point);
  const fraction = point < 0 ? '' : mantissa.slice(point + 1);
  const all = `${whole}${fraction}`;
  const end = lengthWithoutZeros(all);
  const exponent = mark < 0 ? 0 : Number(source.slice(mark + 1));
  return {
    digits: all.slice(Math.min(leadingZeros(all), end), end),
    power: exponent - fraction.length + all.length - end,
  };
}

/** Of a whole number, with all of its digits. */
const exactDecimalOf = (value: number): Decimal => decimalOf(String(BigInt(value)));

function isSame(a: Decimal, b: Decimal): boolean {
  return a.digits === b.digits && a.power === b.power;
}

function leadingZeros(digits: string): number {
  let count = 0;
  while (digits[count] === '0') count += 1;
  return count;
}

/** Without a regular expression: one anchored at the end is quadratic in a run of zeros. */
function lengthWithoutZeros(digits: string): number {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return end;
}

/**
 * The path of the first number in a value that is not finite, such as `.a[2]`, and '' for the value
 * itself; `undefined` where all are. `JSON.parse` makes Infinity of 1e400, which JSON cannot
 * express.
 */
export function infiniteIn(value: JsonValue): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : '';
  return firstInside(value, infiniteIn);
}

/**
 * As `infiniteIn`, for the first number that JSON does not keep exactly: not finite, or whole and
 * beyond ±(2^53 − 1).
 */
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
    // By index: iterating over entries takes ten times as long, and lists may have hundreds of
    // thousands of elements.
    for (let index = 0; index < value.length; index++) {
      const inside = look(value[index] ?? null);
      if (inside !== undefined) return `[${index}]${inside}`;
    }
    return undefined;
  }
  for (const name of Object.keys(value)) {
    const inside = look(value[name] ?? null);
    if (inside !== undefined) return `.${name}${inside}`;
  }
  return undefined;
}
