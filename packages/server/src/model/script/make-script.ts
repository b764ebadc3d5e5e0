import type { JsonValue } from '@really/protocol';
import type { Expression, Node, Pattern } from 'acorn';
import type { AuthParts, Script, ScriptResult } from '../model.js';
import type {
  Sandbox,
  SandboxProgram,
  SandboxSource,
  SandboxSyntaxError,
} from '../sandbox/sandbox.js';
import { authReads, readsNothing } from './auth-reads.js';
import {
  type Closure,
  ClosureThrew,
  type Compiled,
  compileExpression,
  nowKey,
  type ScriptScope,
  thisKey,
} from './expression.js';
import { BeyondClosure, type Value } from './operators.js';
import { unwrapped } from './parse-script.js';

/** A script that parsed, before it can run. */
export interface ScriptDraft {
  readonly kind: 'expression' | 'body' | 'function';
  readonly source: string;
  readonly tree: Node;
  /** For people: see `Script.where`. */
  readonly where: string;
  readonly file: string;
  /** The line of `file` on which the source begins, from 1. */
  readonly line: number;
  /** The names that its scope brings, in order. */
  readonly parameters: readonly string[];
  readonly hasThis: boolean;
  /** Only true and false count: what else comes of it, even what JSON cannot say, is null. */
  readonly isVerdict?: boolean | undefined;
}

export interface ScriptTools {
  readonly sandbox: Sandbox;
  /** Milliseconds since the Unix epoch, for `now()`. */
  readonly now: () => number;
}

/** Makes a script that runs: in place where it is simple, else in the sandbox, which compiles it now. */
export async function makeScript(
  draft: ScriptDraft,
  tools: ScriptTools,
): Promise<Script | SandboxSyntaxError> {
  const compiled = compileDraft(draft);
  const remote = new RemoteScript(draft, tools);
  if (compiled !== undefined) return closureScript(draft, compiled, remote, tools);
  const program = await remote.program();
  if (program.kind === 'syntax-error') return program;
  return {
    where: draft.where,
    reads: readsOf(draft),
    tree: treeOf(draft),
    run: (scope) => remote.run(scope),
  };
}

/** A script that always gives this text, number, list …: a default that the YAML spells out. */
export function constantScript(where: string, value: JsonValue): Script {
  return {
    where,
    reads: readsNothing,
    constant: { value },
    run: () => returned(structuredClone(value)),
  };
}

/** `now()` at this moment, for a scope. */
export function instant(now: number): string {
  return new Date(now).toISOString();
}

function readsOf(draft: ScriptDraft): AuthParts {
  return draft.parameters.includes('auth') ? authReads(draft.tree) : readsNothing;
}

function treeOf(draft: ScriptDraft): Expression | undefined {
  return draft.kind === 'expression' ? (draft.tree as Expression) : undefined;
}

function compileDraft(draft: ScriptDraft): Compiled | undefined {
  if (draft.kind === 'body') return undefined;
  if (draft.kind === 'function') return compileArrow(draft);
  const parameters = new Map(draft.parameters.map((name) => [name, name]));
  return compileExpression(draft.tree as Expression, { parameters, hasThis: draft.hasThis });
}

/** `(first, last) => first + last` is as simple as its body, under the names that it gives to the scope's. */
function compileArrow({ tree, parameters }: ScriptDraft): Compiled | undefined {
  const arrow = unwrapped(tree as Expression);
  if (arrow.type !== 'ArrowFunctionExpression' || arrow.async) return undefined;
  if (arrow.body.type === 'BlockStatement') return undefined;
  const names = new Map<string, string>();
  for (const [index, pattern] of (arrow.params as Pattern[]).entries()) {
    const parameter = parameters[index];
    if (pattern.type !== 'Identifier' || parameter === undefined) return undefined;
    names.set(pattern.name, parameter);
  }
  return compileExpression(arrow.body, { parameters: names, hasThis: false });
}

function closureScript(
  draft: ScriptDraft,
  compiled: Compiled,
  remote: RemoteScript,
  tools: ScriptTools,
): Script {
  const first = draft.line;
  const run = (scope: ScriptScope): ScriptResult | Promise<ScriptResult> => {
    try {
      return answer(compiled.run(scope), draft);
    } catch (error) {
      if (error instanceof BeyondClosure) return remote.run(scope);
      if (error instanceof ClosureThrew) return threw(error.message, first + error.line - 1);
      throw error;
    }
  };
  const withNow = compiled.usesNow ? (scope: ScriptScope) => run(scopeWithNow(scope, tools)) : run;
  return {
    where: draft.where,
    reads: readsOf(draft),
    constant: compiled.constant ? constantOf(compiled.run, draft) : undefined,
    tree: treeOf(draft),
    run: withNow,
  };
}

function constantOf(closure: Closure, draft: ScriptDraft): { readonly value: Value } | undefined {
  try {
    const result = answer(closure({}), draft);
    return result.kind === 'returned' ? { value: result.value } : undefined;
  } catch {
    // It throws each time, or only the sandbox can tell: no constant then.
    return undefined;
  }
}

/** What came of a closure, as it would come out of the sandbox: JSON has no -0, and no number that is not finite. */
function answer(value: Value, { isVerdict, line }: ScriptDraft): ScriptResult {
  if (typeof value !== 'number') return returned(value);
  if (Number.isFinite(value)) return returned(value + 0);
  return isVerdict ? returned(null) : threw(`it returned ${value}, which is no JSON`, line);
}

function returned(value: Value): ScriptResult {
  return { kind: 'returned', value, hidden: nothingHidden };
}

const nothingHidden: readonly string[] = [];

function threw(message: string, line: number): ScriptResult {
  return { kind: 'threw', message, line };
}

function mentionsNow({ source }: ScriptDraft): boolean {
  return source.includes('now');
}

function scopeWithNow(scope: ScriptScope, tools: ScriptTools): ScriptScope {
  return nowKey in scope ? scope : { ...scope, [nowKey]: instant(tools.now()) };
}

/** The same script in the sandbox, compiled there when it is first needed. */
class RemoteScript {
  readonly #draft: ScriptDraft;
  readonly #tools: ScriptTools;
  readonly #source: SandboxSource;
  #program: Promise<SandboxProgram | SandboxSyntaxError> | undefined;

  constructor(draft: ScriptDraft, tools: ScriptTools) {
    this.#draft = draft;
    this.#tools = tools;
    this.#source = sandboxSource(draft);
  }

  program(): Promise<SandboxProgram | SandboxSyntaxError> {
    this.#program ??= this.#tools.sandbox.compile(this.#source);
    return this.#program;
  }

  async run(scope: ScriptScope): Promise<ScriptResult> {
    const program = await this.program();
    if (program.kind === 'syntax-error') return threw(program.message, program.line);
    return this.#tools.sandbox.call(program, this.#scopeFor(scope));
  }

  /** Just the names that the program declares. */
  #scopeFor(scope: ScriptScope): ScriptScope {
    const own: Record<string, Value> = {};
    for (const [index, name] of this.#draft.parameters.entries()) {
      own[this.#source.parameters[index] ?? name] = scope[name];
    }
    if (this.#source.parameters.includes(sandboxThis)) own[sandboxThis] = scope[thisKey];
    if (this.#source.parameters.includes(sandboxNow)) {
      own[sandboxNow] = scopeWithNow(scope, this.#tools)[nowKey];
    }
    return own;
  }
}

/** Parameters by which `this` and the text of `now()` travel; no field has such a name. */
const sandboxThis = '$this';
const sandboxNow = '$now';
const onlyVerdicts =
  '(function (value) { return value === true || value === false ? value : null; })';
const nowFunction = `function now() { return ${sandboxNow}; }`;

/** What the sandbox gets: a source that uses `this` or `now()` is wrapped, on its own lines, so that both mean something. */
function sandboxSource(draft: ScriptDraft): SandboxSource {
  const { file, line, kind, source } = draft;
  // What a function is given goes by position: a field may have a name that no variable can have.
  const given = draft.parameters.map((name, index) => (kind === 'function' ? `$${index}` : name));
  const needsThis = kind === 'expression' && draft.hasThis;
  const needsNow = kind !== 'body' && mentionsNow(draft) && !given.includes('now');
  if (!needsThis && !needsNow && !draft.isVerdict) {
    return { file, line, kind, source, parameters: given };
  }
  const parameters = [...given];
  if (needsThis) parameters.push(sandboxThis);
  if (needsNow) parameters.push(sandboxNow);
  const prefix = needsNow ? `${nowFunction} ` : '';
  const verdict = draft.isVerdict ? onlyVerdicts : '';
  return {
    file,
    line,
    kind: 'body',
    source: `${prefix}return ${verdict}(${wrappedSource(draft, given)});`,
    parameters,
  };
}

function wrappedSource({ kind, source, hasThis }: ScriptDraft, given: readonly string[]): string {
  if (kind === 'function') return `(${source}\n)(${given.join(', ')})`;
  return hasThis ? `(function () { return (${source}\n); }).call(${sandboxThis})` : `(${source}\n)`;
}
