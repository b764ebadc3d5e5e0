import type {
  ArrayExpression,
  CallExpression,
  Expression,
  Identifier,
  LogicalExpression,
  MemberExpression,
  Node,
  ObjectExpression,
  TemplateLiteral,
} from 'acorn';
import { literalValue } from './literal.js';
import { isObjectMember, memberName, readMember } from './members.js';
import {
  binaryOperators,
  includes,
  joined,
  textOf,
  unaryOperators,
  type Value,
} from './operators.js';

export type ScriptScope = Readonly<Record<string, Value>>;

/** Names in a scope for `this` and `now()`, which no parameter can have. */
export const thisKey = 'this';
export const nowKey = 'now()';
/** Name in a scope for the owner, for the sandbox; scripts do not see it. */
export const ownerKey = 'owner()';

/** Returns what the sandbox would, or throws: `ClosureThrew` if the expression throws, `BeyondClosure` if only the sandbox can decide. */
export type Closure = (scope: ScriptScope) => Value;

/** The expression threw, as it would have in the sandbox. `line` counts from the expression's first, from 1. */
export class ClosureThrew extends Error {
  override readonly name = 'ClosureThrew';
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

export interface CompiledExpression {
  readonly run: Closure;
  /** It reads no name, no `this` and no clock. */
  readonly constant: boolean;
  readonly usesNow: boolean;
}

export interface Names {
  /** Names in the scope by names in the expression. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Whether `this` is defined. */
  readonly hasThis: boolean;
}

/** Maximum size: a larger expression is not simple, and a closure could take long. */
const mostNodes = 300;

/**
 * Compiles an expression of members, literals, comparisons, logic and arithmetic, without loops, calls (except
 * `now()` and `list.includes(value)`) or access to prototypes. `undefined` if it is not that simple.
 */
export function compileExpression(tree: Expression, names: Names): CompiledExpression | undefined {
  const compiler = new Compiler(names);
  try {
    const run = compiler.compile(tree);
    return { run, constant: compiler.constant, usesNow: compiler.usesNow };
  } catch (error) {
    if (error instanceof NotSimple || error instanceof RangeError) return undefined;
    throw error;
  }
}

class NotSimple extends Error {}

/** The value of a member chain with `?.` that was cut short. */
const cut = Symbol('cut');
type Link = (scope: ScriptScope) => Value | typeof cut;

class Compiler {
  constant = true;
  usesNow = false;
  readonly #names: Names;
  #nodes = 0;

  constructor(names: Names) {
    this.#names = names;
  }

  compile(node: Node): Closure {
    this.#nodes++;
    if (this.#nodes > mostNodes) throw new NotSimple();
    const expression = node as Expression;
    switch (expression.type) {
      case 'Literal':
      case 'ArrayExpression':
      case 'ObjectExpression':
        return this.#literal(expression);
      case 'Identifier':
        return this.#identifier(expression);
      case 'ThisExpression':
        if (!this.#names.hasThis) throw new NotSimple();
        return this.#name(thisKey);
      case 'ParenthesizedExpression':
        return this.compile(expression.expression);
      case 'MemberExpression':
        return this.#whole(this.#link(expression, (object) => this.compile(object)));
      case 'ChainExpression':
        return this.#whole(this.#chained(expression.expression));
      case 'UnaryExpression':
        return this.#unary(expression.operator, expression.argument);
      case 'BinaryExpression':
        return this.#binary(expression.operator, expression.left, expression.right);
      case 'LogicalExpression':
        return this.#logical(expression);
      case 'ConditionalExpression':
        return this.#conditional(expression.test, expression.consequent, expression.alternate);
      case 'TemplateLiteral':
        return this.#template(expression);
      case 'CallExpression':
        if (!this.#isNow(expression)) {
          return this.#whole(this.#includes(expression, (object) => this.compile(object)));
        }
        this.usesNow = true;
        return this.#name(nowKey);
      default:
        throw new NotSimple();
    }
  }

  #literal(node: Expression & (ArrayExpression | ObjectExpression | { type: 'Literal' })): Closure {
    const literal = literalValue(node);
    if (literal === undefined) throw new NotSimple();
    const { value } = literal;
    // A new list or object each time, because the caller may keep it.
    return typeof value === 'object' && value !== null ? () => structuredClone(value) : () => value;
  }

  #identifier(node: Identifier): Closure {
    const parameter = this.#names.parameters.get(node.name);
    if (parameter !== undefined) return this.#name(parameter);
    if (node.name === 'undefined') return () => undefined;
    if (node.name === 'NaN') return () => Number.NaN;
    if (node.name === 'Infinity') return () => Number.POSITIVE_INFINITY;
    throw new NotSimple();
  }

  #name(name: string): Closure {
    this.constant = false;
    return (scope) => scope[name];
  }

  #isNow({ callee, arguments: given }: CallExpression): boolean {
    if (callee.type !== 'Identifier' || callee.name !== 'now' || given.length > 0) return false;
    return !this.#names.parameters.has('now');
  }

  #whole(link: Link): Closure {
    return (scope) => {
      const value = link(scope);
      return value === cut ? undefined : value;
    };
  }

  #chained(node: Node): Link {
    if (node.type === 'CallExpression') {
      return this.#includes(node as CallExpression, (object) => this.#chained(object));
    }
    return node.type === 'MemberExpression'
      ? this.#link(node as MemberExpression, (object) => this.#chained(object))
      : this.compile(node);
  }

  /** `list.includes(value)`, the one method that is simple: it reads, once, and has no effect. */
  #includes(node: CallExpression, inner: (object: Node) => Link): Link {
    const call = includesCall(node);
    if (call === undefined) throw new NotSimple();
    const { callee, value } = call;
    const literal = literalValue(callee.object);
    // The list cannot get out of the expression, so that no copy is needed.
    const object: Link = literal ? () => literal.value : inner(callee.object);
    const argument = this.compile(value);
    const line = callee.loc?.start.line ?? 1;
    return (scope) => {
      const target = object(scope);
      if (target === cut) return cut;
      if (target !== undefined && target !== null) return includes(target, argument(scope));
      if (callee.optional) return cut;
      throw new ClosureThrew(`cannot read property 'includes' of ${target}`, line);
    };
  }

  #link(node: MemberExpression, inner: (object: Node) => Link): Link {
    const name = memberName(node);
    if (name === undefined || isObjectMember(name)) throw new NotSimple();
    const { optional } = node;
    const line = node.loc?.start.line ?? 1;
    const object = inner(node.object);
    return (scope) => {
      const target = object(scope);
      if (target === cut) return cut;
      if (target !== undefined && target !== null) return readMember(target, name);
      if (optional) return cut;
      throw new ClosureThrew(`cannot read property '${name}' of ${target}`, line);
    };
  }

  #unary(operator: string, argument: Expression): Closure {
    const work = unaryOperators[operator as keyof typeof unaryOperators];
    if (work === undefined) throw new NotSimple();
    const operand = this.compile(argument);
    return (scope) => work(operand(scope));
  }

  #binary(operator: string, leftNode: Node, rightNode: Node): Closure {
    const work = binaryOperators[operator as keyof typeof binaryOperators];
    if (work === undefined) throw new NotSimple();
    const left = this.compile(leftNode);
    const right = this.compile(rightNode);
    return (scope) => work(left(scope), right(scope));
  }

  #logical(node: LogicalExpression): Closure {
    const left = this.compile(node.left);
    const right = this.compile(node.right);
    switch (node.operator) {
      case '&&':
        return (scope) => left(scope) && right(scope);
      case '||':
        return (scope) => left(scope) || right(scope);
      case '??':
        return (scope) => left(scope) ?? right(scope);
      default:
        return node.operator satisfies never;
    }
  }

  #conditional(testNode: Node, yesNode: Node, noNode: Node): Closure {
    const test = this.compile(testNode);
    const yes = this.compile(yesNode);
    const no = this.compile(noNode);
    return (scope) => (test(scope) ? yes(scope) : no(scope));
  }

  #template(node: TemplateLiteral): Closure {
    const texts = node.quasis.map((quasi) => quasi.value.cooked ?? '');
    const parts = node.expressions.map((part) => this.compile(part));
    return (scope) => {
      let text = texts[0] ?? '';
      for (const [index, part] of parts.entries()) {
        text = joined(joined(text, textOf(part(scope))), texts[index + 1] ?? '');
      }
      return text;
    };
  }
}

/** The parts of `list.includes(value)`; `undefined` if the call is anything else. */
export function includesCall(
  node: CallExpression,
): { readonly callee: MemberExpression; readonly value: Expression } | undefined {
  const [value, ...more] = node.arguments;
  const { callee } = node;
  if (node.optional || value === undefined || value.type === 'SpreadElement' || more.length > 0) {
    return undefined;
  }
  if (callee.type !== 'MemberExpression' || memberName(callee) !== 'includes') return undefined;
  return { callee, value };
}
