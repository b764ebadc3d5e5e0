import type { SandboxSource } from '../../sandbox.js';
import { firstSourceLine, type Program } from '../engine/programs.js';
import type { Syntax } from './syntax.js';
import { childrenOf, isTree, type Tree } from './tree.js';

/**
 * The text that the engine compiles: a function that is given two of the realm's, and returns the
 * source as a function of its scope. It has marks in it, on the lines that are there, so that the line
 * of whatever goes wrong is known:
 *
 * - what is thrown goes through the first function, as `throw "no"` has no line of its own;
 * - before each loop stands a minus: a loop that is stopped on its way back to its begin is reported with
 *   the line of the last step before it that could fail, which is this one;
 * - a traced text also tells the second function each line that it comes to. That is slow, so it is
 *   used only to learn where a script hangs that had to be killed.
 */
export function programText(source: SandboxSource, syntax: Syntax, traced: boolean): string {
  const marks = {
    thrown: unusedName(source, '$thrown'),
    reached: unusedName(source, '$reached'),
    nothing: unusedName(source, '$nothing'),
  };
  const marker = new Marker(syntax.text, source.line, marks, traced);
  let marked = syntax.text;
  try {
    marked = marker.render(syntax.tree);
  } catch (error) {
    // Nested too deep for marks: it runs without them.
    if (!(error instanceof RangeError)) throw error;
  }
  return `(function (${marks.thrown}, ${marks.reached}, ${marks.nothing}) { return ${marked}})`;
}

/** The program of a source, plain and traced. Ids are even, so that both have a key. */
export function programOf(
  id: number,
  source: SandboxSource,
  syntax: Syntax,
  traced: boolean,
): Program {
  return {
    key: traced ? id + 1 : id,
    text: programText(source, syntax, traced),
    hasThis: syntax.hasThis,
    line: source.line,
  };
}

function unusedName({ source }: SandboxSource, base: string): string {
  let name = base;
  while (source.includes(name)) name += '$';
  return name;
}

/** Members of statements and functions that hold an expression by itself. */
const roots = new Set(['init', 'argument', 'test', 'update', 'discriminant', 'right', 'body']);
const calls = new Set(['CallExpression', 'NewExpression', 'TaggedTemplateExpression']);
/** Expressions that take no time, or that take a name from where they stand. */
const plain = new Set([
  ...['Identifier', 'Literal', 'ThisExpression', 'TemplateElement', 'Super'],
  ...['FunctionExpression', 'ArrowFunctionExpression', 'ClassExpression'],
]);

const loops = new Set([
  ...['WhileStatement', 'DoWhileStatement', 'ForStatement', 'ForInStatement', 'ForOfStatement'],
]);

type Marks = Readonly<Record<'thrown' | 'reached' | 'nothing', string>>;

class Marker {
  readonly #text: string;
  readonly #firstLine: number;
  readonly #marks: Marks;
  readonly #traced: boolean;
  /** Start of the surrounding statement: a bracket there could join it to the line before. */
  #statement = -1;

  constructor(text: string, firstLine: number, marks: Marks, traced: boolean) {
    this.#text = text;
    this.#firstLine = firstLine;
    this.#marks = marks;
    this.#traced = traced;
  }

  /** The text of a node, with the marks in it. No mark adds a line. */
  render(node: Tree, inChain = false): string {
    const around = this.#statement;
    if (node.type === 'ExpressionStatement') this.#statement = node.start;
    let rendered = '';
    let at = node.start;
    for (const [key, child] of [...childrenOf(node)].sort((a, b) => a[1].start - b[1].start)) {
      rendered += this.#text.slice(at, child.start);
      const spine = key === 'object' || key === 'callee';
      const chained = node.type === 'ChainExpression' || (inChain && spine);
      rendered += this.#wrap(node, key, child, chained, this.render(child, chained));
      at = child.end;
    }
    this.#statement = around;
    return rendered + this.#text.slice(at, node.end);
  }

  #wrap(parent: Tree, key: string, node: Tree, chained: boolean, text: string): string {
    const line = this.#lineOf(node);
    if (line < firstSourceLine) return text;
    if (isLoop(node) && parent.type !== 'LabeledStatement') {
      return `{-${this.#marks.nothing};${text}}`;
    }
    const traced = this.#traced ? this.#trace(parent, key, node, chained, text) : text;
    if (parent.type !== 'ThrowStatement') return traced;
    return `${this.#marks.thrown}(${line},(${traced}))`;
  }

  #trace(parent: Tree, key: string, node: Tree, chained: boolean, text: string): string {
    const mark = `${this.#marks.reached}(${this.#firstLine + this.#lineOf(node) - firstSourceLine})`;
    if (parent.type === 'ExpressionStatement') {
      return parent.directive === undefined ? `${mark},${text}` : text;
    }
    if (plain.has(node.type) || node.start === this.#statement) return text;
    const called = calls.has(node.type) && !chained;
    return called || isRoot(parent, key, node) ? `(${mark},${text})` : text;
  }

  #lineOf(node: Tree): number {
    return node.loc?.start.line ?? 0;
  }
}

/** A loop, or one with a label, which has to stay with it. */
function isLoop(node: unknown): boolean {
  if (!isTree(node)) return false;
  return loops.has(node.type) || (node.type === 'LabeledStatement' && isLoop(node.body));
}

function isRoot(parent: Tree, key: string, node: Tree): boolean {
  if (!roots.has(key) || !isExpression(node)) return false;
  return /Statement$|^VariableDeclarator$|^ArrowFunctionExpression$|^SwitchCase$/.test(parent.type);
}

function isExpression(node: unknown): boolean {
  return isTree(node) && /Expression$|Literal$/.test(node.type);
}
