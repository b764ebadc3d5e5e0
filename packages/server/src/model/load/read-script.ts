import type { ArrowFunctionExpression, Expression, FunctionExpression, Node } from 'acorn';
import { isScalar } from 'yaml';
import { lookupReads, scopeName } from '../lookups/lookup-uses.js';
import { parseBody, parseExpression, unwrapped } from '../script/parse-script.js';
import type { ScriptDraft } from '../script/sandboxed-script.js';
import type { ScriptSlot } from './draft.js';
import type { ModelYaml, YamlNode } from './model-yaml.js';
import { scalarOffset } from './scalar-offset.js';
import type { SourceFile } from './source-file.js';

export interface ScriptNames {
  readonly parameters: readonly string[];
  /** The names of the lookups that it may read besides. */
  readonly lookups?: ReadonlySet<string> | undefined;
  /** Whether only the truth of its value counts. */
  readonly isCondition?: boolean | undefined;
  /** Whether it is an expression over `this` or, in place of one, a function of the parameters. */
  readonly isCalculation?: boolean | undefined;
  /** A suggestion for an expression that does not compile. */
  readonly hint?: string | undefined;
  /** See `ScriptDraft.isValidation`. */
  readonly isValidation?: boolean | undefined;
}

/** Reads an expression in the YAML. If it does not compile, that is a problem at its position. */
export function readExpression(
  yaml: ModelYaml,
  node: YamlNode,
  what: string,
  names: ScriptNames,
): ScriptSlot | undefined {
  const source = sourceOf(node);
  if (!isScalar(node) || source === undefined || source.trim() === '') {
    return yaml.unexpected(node, what, 'a JavaScript expression');
  }
  const { file } = yaml;
  const parsed = parseExpression(source);
  if (parsed.kind === 'failure') {
    return file.problem(
      scalarOffset(file.text, node, parsed.offset),
      `${what} does not compile: ${parsed.message}; expected a JavaScript expression${names.hint ?? ''}`,
    );
  }
  const offset = scalarOffset(file.text, node, 0);
  const { tree } = parsed;
  const root = unwrapped(tree);
  const isFunction = names.isCalculation === true && isFunctionNode(root);
  if (isFunction && (root.async || root.generator)) {
    const message = `${what} is an async function or a generator; expected a plain function`;
    return file.problem(offset, message);
  }
  // A calculation has `this`, unless it is a function with parameters.
  const hasThis = names.isCalculation === true && !isFunction;
  const draft: ScriptDraft = {
    kind: isFunction ? 'function' : 'expression',
    source,
    tree,
    where: file.where(offset),
    file: file.path,
    line: file.placeOf(offset).line,
    ...(hasThis ? { parameters: [] } : namesSeen(tree, names)),
    hasThis,
    isValidation: names.isValidation,
  };
  return { draft, file, offset };
}

/** The lookups that a script reads, and its parameters with these. A parameter of the same name hides a lookup. */
function namesSeen(
  tree: Node,
  { lookups, parameters, isCondition = false }: ScriptNames,
): Pick<ScriptDraft, 'lookups' | 'parameters'> {
  if (lookups === undefined) return { parameters };
  const visible = new Set([...lookups].filter((name) => !parameters.includes(scopeName(name))));
  const reads = lookupReads(tree, visible, { isCondition });
  if (reads.size === 0) return { parameters };
  const all = new Set([...parameters, ...[...reads.keys()].map(scopeName)]);
  return { lookups: reads, parameters: [...all] };
}

function isFunctionNode(node: Expression): node is FunctionExpression | ArrowFunctionExpression {
  return node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression';
}

/** The notation of an expression: a text, or a literal number, true or false. */
function sourceOf(node: YamlNode): string | undefined {
  if (!isScalar(node) || node.value === null) return undefined;
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
}

/** Reads a file that is the body of a function. */
export function readBody(
  file: SourceFile,
  names: ScriptNames,
  isPostHook = false,
): ScriptSlot | undefined {
  const parsed = parseBody(file.text);
  if (parsed.kind === 'failure') {
    return file.problem(
      parsed.offset,
      `does not compile: ${parsed.message}; expected JavaScript, the body of a function`,
    );
  }
  const draft: ScriptDraft = {
    kind: 'body',
    source: file.text,
    tree: parsed.tree,
    where: file.path,
    file: file.path,
    line: 1,
    ...namesSeen(parsed.tree, names),
    hasThis: false,
  };
  return { draft, file, offset: undefined, isPostHook };
}
