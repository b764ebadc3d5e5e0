import type { ArrowFunctionExpression, Expression, FunctionExpression, Node } from 'acorn';
import { isScalar } from 'yaml';
import { type LookupReads, lookupReads, scopeName } from '../lookups/lookup-uses.js';
import { parseBody, parseExpression, unwrapped } from '../script/parse-script.js';
import type { ScriptDraft } from '../script/sandboxed-script.js';
import type { ScriptSlot } from './draft.js';
import { describe, type ModelYaml, offsetOf, type YamlNode } from './model-yaml.js';
import { scalarOffset } from './scalar-offset.js';
import type { SourceFile } from './source-file.js';

export interface ScriptNames {
  readonly parameters: readonly string[];
  /** The names of the lookups that it may read besides. */
  readonly lookups?: ReadonlySet<string> | undefined;
  /** Whether only the truth of its value counts. */
  readonly isCondition?: boolean | undefined;
  readonly hasThis?: boolean | undefined;
  /** Whether a function of the parameters is allowed in place of an expression. */
  readonly orFunction?: boolean | undefined;
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
    yaml.problem(node, `${what} is ${describe(node)}; expected a JavaScript expression`);
    return undefined;
  }
  const { file } = yaml;
  const parsed = parseExpression(source);
  if (parsed.kind === 'failure') {
    const offset = scalarOffset(file.text, node, parsed.offset);
    const { hint = '' } = names;
    file.problem(
      offset,
      `${what} does not compile: ${parsed.message}; expected a JavaScript expression${hint}`,
    );
    return undefined;
  }
  const offset = scalarOffset(file.text, node, 0);
  const { line, column } = file.placeOf(offset);
  const root = unwrapped(parsed.tree);
  const isFunction = names.orFunction === true && isFunctionNode(root);
  if (isFunction && (root.async || root.generator)) {
    file.problem(offset, `${what} is an async function or a generator; expected a plain function`);
    return undefined;
  }
  const lookups = readLookupNames(parsed.tree, names);
  const draft: ScriptDraft = {
    kind: isFunction ? 'function' : 'expression',
    source,
    tree: parsed.tree,
    where: `${file.path}:${line}:${column}`,
    file: file.path,
    line,
    // An expression in place of a function has `this` instead of parameters.
    parameters: isFunction || names.orFunction !== true ? parametersOf(names, lookups) : [],
    lookups,
    hasThis: names.hasThis === true && !isFunction,
    isValidation: names.isValidation,
  };
  return { draft, file, offset };
}

/** The lookups that a script reads. A parameter of the same name hides a lookup. */
function readLookupNames(
  tree: Node,
  { lookups, parameters, isCondition = false }: ScriptNames,
): LookupReads | undefined {
  if (lookups === undefined || lookups.size === 0) return undefined;
  const visible = new Set([...lookups].filter((name) => !parameters.includes(scopeName(name))));
  const reads = lookupReads(tree, visible, { isCondition });
  return reads.size === 0 ? undefined : reads;
}

function parametersOf(
  { parameters }: ScriptNames,
  lookups: LookupReads | undefined,
): readonly string[] {
  if (lookups === undefined) return parameters;
  return [...new Set([...parameters, ...[...lookups.keys()].map(scopeName)])];
}

function isFunctionNode(node: Expression): node is FunctionExpression | ArrowFunctionExpression {
  return node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression';
}

/** The notation of an expression: a text, or a literal number, true or false. */
export function sourceOf(node: YamlNode): string | undefined {
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
    file.problem(
      parsed.offset,
      `does not compile: ${parsed.message}; expected JavaScript, the body of a function`,
    );
    return undefined;
  }
  const lookups = readLookupNames(parsed.tree, names);
  const draft: ScriptDraft = {
    kind: 'body',
    source: file.text,
    tree: parsed.tree,
    where: file.path,
    file: file.path,
    line: 1,
    parameters: parametersOf(names, lookups),
    lookups,
    hasThis: false,
  };
  return { draft, file, offset: undefined, isPostHook };
}

export function startOf(node: YamlNode, yaml: ModelYaml): string {
  const { line, column } = yaml.file.placeOf(offsetOf(node));
  return `${yaml.file.path}:${line}:${column}`;
}
