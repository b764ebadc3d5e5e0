import { getLineInfo, parse, parseExpressionAt } from 'acorn';
import type { SandboxSource, SandboxSyntaxError } from '../../sandbox.js';
import { everyNode, isTree, type Tree } from './tree.js';

/** A source that is a complete expression or body. */
export interface Syntax {
  readonly kind: 'syntax';
  /** The source as a function of its parameters: a first line of ours, then the source, then a last line. */
  readonly text: string;
  readonly tree: Tree;
  /** The parameters of that function. */
  readonly names: readonly string[];
  /** Whether its scope brings a `this`. */
  readonly hasThis: boolean;
}

const options = {
  ecmaVersion: 'latest',
  sourceType: 'script',
  preserveParens: true,
  locations: true,
} as const;

/** Maximum characters of a source. */
const longest = 1024 * 1024;

/**
 * Parses with acorn, whose errors tell line and column better than QuickJS does, and makes sure that
 * a source cannot close the function that is put around it and go on outside.
 */
export function checkSyntax(source: SandboxSource): Syntax | SandboxSyntaxError {
  if (source.source.length > longest) {
    return errorAt(source, 0, `it is longer than ${longest} characters`);
  }
  const { head, tail, names } = frameOf(source);
  const text = `${head}\n${source.source}\n${tail}`;
  let tree: Tree;
  try {
    tree = parse(text, options) as unknown as Tree;
  } catch (error) {
    return parseError(source, head, error);
  }
  const outside = strayEnd(source, text, tree, { head, tail });
  if (outside !== undefined) return errorAt(source, outside, 'it continues after its end');
  for (const node of everyNode(tree)) {
    if (node.type === 'ImportExpression') {
      return errorAt(source, node.start - head.length - 1, 'there is no import() here');
    }
  }
  return { kind: 'syntax', text, tree, names, hasThis: source.parameters.includes('this') };
}

interface Frame {
  readonly head: string;
  readonly tail: string;
}

function frameOf({ kind, parameters }: SandboxSource): Frame & { readonly names: string[] } {
  const names = [...new Set(parameters)].filter(isVariable);
  const start = `(function (${names.join(', ')}) {`;
  if (kind === 'body') return { head: start, tail: '})', names };
  return { head: `${start} return (`, tail: ')})', names };
}

/** A field's name may not be a valid variable name: then no script can use it either. */
function isVariable(name: string): boolean {
  if (!/^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(name)) return false;
  try {
    parse(`(function (${name}) {})`, options);
    return true;
  } catch {
    return false;
  }
}

/** The offset at which the source ends too early; undefined if it is complete. */
function strayEnd(
  { kind, source }: SandboxSource,
  text: string,
  tree: Tree,
  { head, tail }: Frame,
): number | undefined {
  const outer = onlyItem(tree.body)?.expression;
  const made = isTree(outer) && outer.end === text.length ? outer.expression : undefined;
  const body = isTree(made) && made.end === text.length - 1 ? made.body : undefined;
  if (isTree(body) && kind === 'body') return undefined;
  const returned = isTree(body) ? onlyItem(body.body)?.argument : undefined;
  if (
    isTree(returned) &&
    returned.type === 'ParenthesizedExpression' &&
    returned.start === head.length - 1 &&
    returned.end === text.length - tail.length + 1
  ) {
    return undefined;
  }
  if (kind !== 'body') return parseExpressionAt(source, 0, options).end;
  // The function that begins our text, however the source went on after it.
  const ours = [...everyNode(tree)].find(
    ({ type, start }) => type === 'FunctionExpression' && start === 1,
  );
  return (ours?.end ?? head.length + 2) - head.length - 2;
}

function onlyItem(value: unknown): Tree | undefined {
  return Array.isArray(value) && value.length === 1 && isTree(value[0]) ? value[0] : undefined;
}

function parseError(source: SandboxSource, head: string, error: unknown): SandboxSyntaxError {
  if (!(error instanceof SyntaxError)) return errorAt(source, 0, 'it is nested too deep');
  const { pos } = error as SyntaxError & { pos?: number };
  const message = error.message.replace(/ \(\d+:\d+\)$/, '');
  return errorAt(source, (pos ?? 0) - head.length - 1, message);
}

/** `offset` is in the source; beyond its end stands what was put after it. */
function errorAt(source: SandboxSource, offset: number, message: string): SandboxSyntaxError {
  const end = source.source.trimEnd().length;
  const { line, column } = getLineInfo(source.source, Math.max(0, Math.min(offset, end)));
  const text = offset >= end ? `${message}: it ends too early` : message;
  return {
    kind: 'syntax-error',
    message: text,
    line: source.line + line - 1,
    column: column + 1,
  };
}
