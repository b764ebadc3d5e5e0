import type { Auth, JsonValue, RqlExpression, RqlOperator } from '@really/protocol';
import type {
  BinaryExpression,
  CallExpression,
  ConditionalExpression,
  Expression,
  Identifier,
  MemberExpression,
  Node,
} from 'acorn';
import type { StoredFieldType } from '../../store/collection-layout.js';
import { hasAllRights } from '../authority.js';
import { plainAuth } from '../hooks.js';
import type { LookupScope } from '../lookups/find-lookups.js';
import type { Field, Model, Rule } from '../model.js';
import { membersOf } from '../script/auth-reads.js';
import { ClosureThrew, compileExpression, includesCall } from '../script/expression.js';
import { memberName } from '../script/members.js';
import type { Value } from '../script/operators.js';
import { unwrapped } from '../script/parse-script.js';
import {
  comparison,
  type FieldOperand,
  isOneOf,
  isTruthy,
  mirrored,
  needsType,
  type ScalarType,
  scalarTypeOf,
} from './rule-comparison.js';
import {
  both,
  choice,
  either,
  type FormulaOutcome,
  negated,
  neverThrows,
  sizeOf,
  thrown,
} from './rule-formula.js';

/** Which objects of a collection a reader may see, in terms of a store. */
export type Pushdown =
  | { readonly kind: 'everything' | 'nothing' }
  | {
      readonly kind: 'filter';
      readonly filter: RqlExpression;
      /** The filter agrees with the rule only for objects whose values in these fields have these types. */
      readonly assumes: readonly StoredFieldType[];
    };

/**
 * The read rule of a model (or another rule) for one reader, as a filter that holds for exactly the objects that the rule allows, if
 * their data has the types that it assumes. `undefined` if no filter is equivalent: then the rule has to be evaluated
 * for each object. SQL is made of it as of any filter, in `store/sqlite/sql`. `found`: the objects that its lookups find, as far as they are the same for all of the collection.
 */
export function ruleToRql(
  model: Model,
  auth: Auth,
  found: LookupScope = {},
  rule: Rule = model.access.read,
): Pushdown | undefined {
  if (hasAllRights(auth)) return { kind: 'everything' };
  const { constant, tree } = rule;
  if (constant !== undefined) return { kind: constant ? 'everything' : 'nothing' };
  if (tree === undefined) return undefined;
  const translation = new Translation(model, auth, found);
  const outcome = translation.truth(tree);
  if (outcome === undefined) return undefined;
  const { holds } = outcome;
  if (sizeOf(holds, mostParts) > mostParts) return undefined;
  if (typeof holds === 'boolean') return { kind: holds ? 'everything' : 'nothing' };
  return { kind: 'filter', filter: holds, assumes: [...translation.assumes.values()] };
}

/** The filter, or any object with a value of another type than it assumes, so that nothing the rule allows is left out. */
export function withMistyped(
  filter: RqlExpression,
  types: readonly StoredFieldType[],
): RqlExpression {
  return types.reduce<RqlExpression>(
    (all, { field, type }) => ({ kind: 'or', left: all, right: isOfAnotherType(field, type) }),
    filter,
  );
}

/** Includes missing values: no filter distinguishes them from null. */
function isOfAnotherType(field: string, type: StoredFieldType['type']): RqlExpression {
  const [operator, value] = allOfType[type];
  return { kind: 'not', operand: { kind: 'comparison', field: [field], operator, value } };
}

const allOfType: Readonly<Record<StoredFieldType['type'], readonly [RqlOperator, JsonValue]>> = {
  text: ['>=', ''],
  number: ['between', [-Number.MAX_VALUE, Number.MAX_VALUE]],
  boolean: ['in', [true, false]],
};

/** The fields whose types a filter from this rule may have to assume, for any reader. */
export function typesReadBy(
  { constant, tree }: Rule,
  fields: ReadonlyMap<string, Field>,
): StoredFieldType[] {
  if (constant !== undefined || tree === undefined) return [];
  const read = membersOf(tree, 'obj');
  return [...fields.values()].flatMap((field) => {
    const type = read.has(field.name) ? scalarTypeOf(field) : undefined;
    return type === undefined ? [] : [{ field: field.name, type }];
  });
}

/** Maximum parts of a filter. A longer one would cost the store more than evaluating the rule. */
const mostParts = 100;

/** An operand of a comparison: known for this reader, or a field of the object. */
type Operand =
  | { readonly kind: 'known'; readonly value: Value }
  | ({ readonly kind: 'field' } & FieldOperand)
  | { readonly kind: 'throws' };

class Translation {
  readonly #model: Model;
  readonly #scope: Record<string, Value>;
  readonly #names: ReadonlyMap<string, string>;
  /** By field. */
  readonly assumes = new Map<string, StoredFieldType>();

  constructor(model: Model, auth: Auth, found: LookupScope) {
    this.#model = model;
    this.#scope = { ...found, auth: plainAuth(auth) };
    this.#names = new Map(Object.keys(this.#scope).map((name) => [name, name]));
  }

  truth(tree: Expression): FormulaOutcome | undefined {
    const node = unwrapped(tree);
    if (node.type === 'LogicalExpression' && node.operator !== '??') {
      const left = this.truth(node.left);
      if (left === undefined) return undefined;
      const isAnd = node.operator === '&&';
      // The other side is never evaluated, whatever it is.
      if (left.holds === !isAnd && (isAnd || left.throws === false)) return left;
      const right = this.truth(node.right);
      return right && (isAnd ? both(left, right) : either(left, right));
    }
    if (node.type === 'UnaryExpression' && node.operator === '!') {
      const operand = this.truth(node.argument);
      return operand && negated(operand);
    }
    if (node.type === 'ConditionalExpression') return this.#choice(node);
    if (node.type === 'BinaryExpression') return this.#comparison(node) ?? this.#plain(node);
    if (node.type === 'CallExpression') return this.#membership(node) ?? this.#plain(node);
    return this.#plain(node);
  }

  #choice({ test, consequent, alternate }: ConditionalExpression): FormulaOutcome | undefined {
    const condition = this.truth(test);
    const yes = condition && this.truth(consequent);
    const no = yes && this.truth(alternate);
    return condition && yes && no && choice(condition, yes, no);
  }

  /** A value as a condition: truthy or not. */
  #plain(node: Expression): FormulaOutcome | undefined {
    const operand = this.#operand(node);
    if (operand === undefined) return undefined;
    if (operand.kind === 'throws') return thrown;
    if (operand.kind === 'known') return neverThrows(Boolean(operand.value));
    this.#assume(operand);
    return neverThrows(isTruthy(operand));
  }

  #comparison(node: BinaryExpression): FormulaOutcome | undefined {
    const left = this.#operand(node.left);
    const right = left && this.#operand(node.right);
    if (left === undefined || right === undefined) return undefined;
    // Reading a field does not throw, so it does not matter which side does.
    if (left.kind === 'throws' || right.kind === 'throws') return thrown;
    if (left.kind === 'field' && right.kind === 'known')
      return this.#compared(left, node.operator, right.value);
    if (right.kind === 'field' && left.kind === 'known') {
      const mirror = mirrored[node.operator];
      return mirror === undefined ? undefined : this.#compared(right, mirror, left.value);
    }
    return undefined;
  }

  /** `["a", "b"].includes(obj.name)`, for a list that is known. */
  #membership(node: CallExpression): FormulaOutcome | undefined {
    const call = includesCall(node);
    const list = call && this.#operand(call.callee.object);
    const field = call && this.#operand(call.value);
    if (list?.kind !== 'known' || field?.kind !== 'field') return undefined;
    const { value } = list;
    if (value === undefined || value === null) {
      return call?.callee.optional ? neverThrows(false) : thrown;
    }
    const holds = Array.isArray(value) ? isOneOf(field, value) : undefined;
    return holds === undefined ? undefined : neverThrows(holds);
  }

  #compared(field: FieldOperand, operator: string, value: Value): FormulaOutcome | undefined {
    if (needsType(operator, value)) this.#assume(field);
    const holds = comparison(field, operator, value);
    return holds === undefined ? undefined : neverThrows(holds);
  }

  /** `_r` and `_rev` have fixed types. */
  #assume({ name, type }: FieldOperand): void {
    if (!name.startsWith('_') && type !== 'ascii') this.assumes.set(name, { field: name, type });
  }

  #operand(node: Node): Operand | undefined {
    const name = fieldReadBy(node);
    if (name === undefined) return this.#known(node as Expression);
    const type = typeOfField(this.#model, name);
    return type && { kind: 'field', name, type };
  }

  /** A part that does not read the object has one value for this reader. */
  #known(node: Expression): Operand | undefined {
    const names = { parameters: this.#names, hasThis: false };
    const compiled = compileExpression(node, names);
    if (compiled === undefined || compiled.usesNow) return undefined;
    try {
      return { kind: 'known', value: compiled.run(this.#scope) };
    } catch (error) {
      return error instanceof ClosureThrew ? { kind: 'throws' } : undefined;
    }
  }
}

/** The top-level field that `obj.name` reads, or `_r` for `r`. */
export function fieldReadBy(node: Node): string | undefined {
  if (node.type === 'Identifier' && (node as Identifier).name === 'r') return '_r';
  if (node.type !== 'MemberExpression') return undefined;
  const { object } = node as MemberExpression;
  if (object.type !== 'Identifier' || object.name !== 'obj') return undefined;
  return memberName(node as MemberExpression);
}

/** `undefined` if no filter compares the values of this field. */
export function typeOfField({ fields }: Model, name: string): ScalarType | undefined {
  if (name === '_r') return 'ascii';
  if (name === '_rev') return 'number';
  const field = fields.get(name);
  return field === undefined ? undefined : scalarTypeOf(field);
}
