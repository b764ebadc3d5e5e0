import { deepEqual } from '../json/deep-equal.js';
import { isJsonObject, type JsonObject, type JsonValue, ownMember } from '../json/json.js';
import { JsonSet } from '../json/json-set.js';
import { ListElements } from '../json/list-elements.js';
import { RecentTexts } from '../recent-texts.js';
import type { Comparison, RqlExpression } from './ast.js';
import { compareText } from './compare.js';
import { foldCase, textSearch } from './text-search.js';

/** A test of an object: its data plus `_r` and `_rev`. */
export type Predicate = (object: JsonObject) => boolean;

/** Shared by all filters: many are evaluated on the same object, one after the other. */
const elements = new ListElements();

/** Sets of the lists of `in`, shared by all uses of a list. */
const sets = new WeakMap<readonly JsonValue[], JsonSet>();
const texts = new RecentTexts();

/** A test of the value of a field; a missing value is null. */
type ValueTest = (value: JsonValue) => boolean;

/**
 * Compiles a filter into a function. This defines what a filter finds; stores must find the same.
 */
export function compilePredicate(expression: RqlExpression): Predicate {
  switch (expression.kind) {
    case 'and': {
      const left = compilePredicate(expression.left);
      const right = compilePredicate(expression.right);
      return (object) => left(object) && right(object);
    }
    case 'or': {
      const left = compilePredicate(expression.left);
      const right = compilePredicate(expression.right);
      return (object) => left(object) || right(object);
    }
    case 'not': {
      const operand = compilePredicate(expression.operand);
      return (object) => !operand(object);
    }
    case 'comparison': {
      const test = compileTest(expression);
      return (object) => test(fieldValue(object, expression.field));
    }
    default:
      return expression satisfies never;
  }
}

/** As `Predicate`, in steps: one for each comparison, so that a long evaluation can be interrupted. */
export type SteppedPredicate = (object: JsonObject) => Generator<undefined, boolean>;

/** As `compilePredicate`, for filters that scan much of large objects. */
export function compileSteppedPredicate(expression: RqlExpression): SteppedPredicate {
  switch (expression.kind) {
    case 'and': {
      const left = compileSteppedPredicate(expression.left);
      const right = compileSteppedPredicate(expression.right);
      return function* (object) {
        return (yield* left(object)) && (yield* right(object));
      };
    }
    case 'or': {
      const left = compileSteppedPredicate(expression.left);
      const right = compileSteppedPredicate(expression.right);
      return function* (object) {
        return (yield* left(object)) || (yield* right(object));
      };
    }
    case 'not': {
      const operand = compileSteppedPredicate(expression.operand);
      return function* (object) {
        return !(yield* operand(object));
      };
    }
    case 'comparison': {
      const matches = compilePredicate(expression);
      return function* (object) {
        const isMatch = matches(object);
        yield;
        return isMatch;
      };
    }
    default:
      return expression satisfies never;
  }
}

function fieldValue(object: JsonObject, path: readonly string[]): JsonValue {
  let value: JsonValue | undefined = object;
  for (const name of path) {
    if (!isJsonObject(value)) return null;
    value = ownMember(value, name);
  }
  return value ?? null;
}

function compileTest({ operator, value: operand }: Comparison<JsonValue>): ValueTest {
  switch (operator) {
    case '=':
      return (value) => deepEqual(value, operand);
    case '!=':
      return (value) => !deepEqual(value, operand);
    case '<':
      return (value) => order(value, operand) < 0;
    case '<=':
      return (value) => order(value, operand) <= 0;
    case '>':
      return (value) => order(value, operand) > 0;
    case '>=':
      return (value) => order(value, operand) >= 0;
    case 'between':
      return between(operand);
    case 'in': {
      const wanted = setOf(Array.isArray(operand) ? operand : []);
      return (value) => wanted.has(value, (element) => texts.of(element));
    }
    case 'contains':
      return contains(operand);
    case 'contains ignoring case':
      return typeof operand === 'string' ? containsFolded(foldCase(operand)) : never;
    case 'starts with':
      return (value) =>
        typeof value === 'string' && typeof operand === 'string' && value.startsWith(operand);
    default:
      return operator satisfies never;
  }
}

const never: ValueTest = () => false;

/** A text in a text, or an element in a list. */
function contains(operand: JsonValue): ValueTest {
  const search = typeof operand === 'string' ? textSearch(operand) : never;
  return (value) =>
    typeof value === 'string'
      ? search(value)
      : Array.isArray(value) && elements.has(value, operand);
}

function containsFolded(folded: string): ValueTest {
  const search = textSearch(folded);
  const isSame = (element: JsonValue) =>
    typeof element === 'string' && foldCase(element) === folded;
  return (value) =>
    typeof value === 'string'
      ? search(foldCase(value))
      : Array.isArray(value) && value.some(isSame);
}

function setOf(list: readonly JsonValue[]): JsonSet {
  const known = sets.get(list);
  if (known) return known;
  const set = new JsonSet(list);
  sets.set(list, set);
  return set;
}

function between(operand: JsonValue): ValueTest {
  const [low = null, high = null] = Array.isArray(operand) ? operand : [];
  return (value) => order(value, low) >= 0 && order(value, high) <= 0;
}

/** NaN, for which every comparison is false, unless both are numbers or both are texts. */
function order(a: JsonValue, b: JsonValue): number {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : Number(a > b);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  return Number.NaN;
}
