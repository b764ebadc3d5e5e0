import { type JsonObject, type JsonValue, ownMember } from '../json/json.js';
import { holdsRounded, infiniteIn, isRounded } from '../json/json-text.js';
import type { Comparison, RqlExpression, RqlOperand, RqlOperator, RqlTree } from './ast.js';
import { invalidQuery } from './parse.js';

/** The value in the stored form of the field, or why it cannot be compared. */
export type FittedValue = { readonly value: JsonValue } | { readonly problem: string };

/** Work in small steps: the caller may do something else in between. */
export type BindSteps<Result> = Generator<void, Result>;

/** Fits the value of a comparison to the field that it is compared with. */
export type FitValue = (comparison: Comparison<JsonValue>) => BindSteps<FittedValue>;

/** As `bindingRql`, without pauses. */
export function bindRql(
  tree: RqlTree,
  values: JsonObject | undefined,
  fit?: FitValue,
): RqlExpression {
  const steps = bindingRql(tree, values, fit);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * Replaces each `$name` with its value, in small steps. Throws 409 `query.invalid` where a value is
 * missing, or invalid for its operator or the field. A value that is used several times is the same
 * one in the result.
 */
export function bindingRql(
  tree: RqlTree,
  values: JsonObject = {},
  fit: FitValue = asItIs,
): BindSteps<RqlExpression> {
  return new Binding(values, fit).bound(tree);
}

// biome-ignore lint/correctness/useYield: there is nothing to do.
function* asItIs({ value }: Comparison<JsonValue>): BindSteps<FittedValue> {
  return { value };
}

class Binding {
  readonly #values: JsonObject;
  readonly #fit: FitValue;
  /** By name. */
  readonly #named = new Map<string, JsonValue>();
  /** For lists and objects: by the operator and the field that they were fitted for. */
  readonly #fitted = new Map<JsonValue, Map<string, FittedValue>>();

  constructor(values: JsonObject, fit: FitValue) {
    this.#values = values;
    this.#fit = fit;
  }

  *bound(tree: RqlTree): BindSteps<RqlExpression> {
    switch (tree.kind) {
      case 'and':
      case 'or': {
        const left = yield* this.bound(tree.left);
        return { kind: tree.kind, left, right: yield* this.bound(tree.right) };
      }
      case 'not':
        return { kind: 'not', operand: yield* this.bound(tree.operand) };
      case 'comparison':
        return yield* this.#comparison(tree);
      default:
        return tree satisfies never;
    }
  }

  *#comparison({
    kind,
    field,
    operator,
    value: operand,
  }: Comparison<RqlOperand>): BindSteps<RqlExpression> {
    yield;
    const value = this.#valueOf(operand);
    const wanted = wantedBy(operator, value);
    if (wanted !== undefined) throw invalidQuery(`${operator} takes ${wanted}`, operand.position);
    const comparison = { kind, field, operator, value };
    const fitted = yield* this.#fittedOnce(comparison);
    if ('problem' in fitted) {
      const name = operand.kind === 'name' ? `$${operand.name}: ` : '';
      throw invalidQuery(`${name}${fitted.problem}`, operand.position);
    }
    return { ...comparison, value: fitted.value };
  }

  *#fittedOnce(comparison: Comparison<JsonValue>): BindSteps<FittedValue> {
    const { field, operator, value } = comparison;
    if (typeof value !== 'object' || value === null) return yield* this.#fit(comparison);
    const known = this.#fitted.get(value) ?? new Map<string, FittedValue>();
    this.#fitted.set(value, known);
    const use = JSON.stringify([operator, field]);
    const fitted = known.get(use) ?? (yield* this.#fit(comparison));
    known.set(use, fitted);
    return fitted;
  }

  #valueOf(operand: RqlOperand): JsonValue {
    if (operand.kind === 'literal') return operand.value;
    const { name, position } = operand;
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const value = ownMember(this.#values, name);
    if (value === undefined) throw invalidQuery(`no value for $${name}`, position);
    const infinite = infiniteIn(value);
    if (infinite !== undefined) {
      throw invalidQuery(`$${name}${infinite} is a number that is too large`, position);
    }
    if (isRounded(this.#values, name) || holdsRounded(value)) {
      throw invalidQuery(`$${name} has a number that would be rounded`, position);
    }
    this.#named.set(name, value);
    return value;
  }
}

/** What the operator takes, if this value is invalid for it. */
function wantedBy(operator: RqlOperator, value: JsonValue): string | undefined {
  switch (operator) {
    case 'in':
      return Array.isArray(value) ? undefined : 'a list';
    case 'between':
      return isPair(value) ? undefined : 'a list of two numbers or of two texts';
    case 'starts with':
    case 'contains ignoring case':
      return typeof value === 'string' ? undefined : 'a text';
    default:
      return undefined;
  }
}

function isPair(value: JsonValue): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [low, high] = value;
  return typeof low === typeof high && (typeof low === 'number' || typeof low === 'string');
}
