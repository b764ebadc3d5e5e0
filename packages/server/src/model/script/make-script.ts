import type { JsonValue } from '@really/protocol';
import type { Expression, Pattern } from 'acorn';
import { scopeName } from '../lookups/lookup-uses.js';
import type { Script, ScriptResult } from '../model.js';
import type { SandboxSyntaxError } from '../sandbox/sandbox.js';
import { authReads, mentions, mentionsContent, readsNothing } from './auth-reads.js';
import {
  type Closure,
  ClosureThrew,
  type CompiledExpression,
  compileExpression,
  type ScriptScope,
} from './expression.js';
import { BeyondClosure, type Value } from './operators.js';
import { unwrapped } from './parse-script.js';
import {
  SandboxedScript,
  type ScriptDraft,
  type ScriptTools,
  scopeWithNow,
  threw,
} from './sandboxed-script.js';

/** Makes a runnable script: a closure if it is simple, otherwise in the sandbox, which compiles it now. */
export async function makeScript(
  draft: ScriptDraft,
  tools: ScriptTools,
): Promise<Script | SandboxSyntaxError> {
  const compiled = compileDraft(draft);
  const remote = new SandboxedScript(draft, tools);
  if (compiled !== undefined) return closureScript(draft, compiled, remote, tools);
  const program = await remote.program();
  if (program.kind === 'syntax-error') return program;
  return {
    ...traitsOf(draft),
    run: (scope) => remote.run(scope),
    advance: (scope, state) => remote.advance(scope, state),
  };
}

/** A script with a constant value: a default that is a literal in the YAML. */
export function constantScript(where: string, value: JsonValue): Script {
  return {
    where,
    reads: readsNothing,
    constant: { value },
    run: () => returned(structuredClone(value)),
  };
}

function readsOnlyAuth(draft: ScriptDraft): boolean {
  return !draft.hasThis && !mentions(draft.tree, ownVariables(draft, ['auth']));
}

/** The names of its scope without lookups and without these. */
function ownVariables({ parameters, lookups }: ScriptDraft, without: readonly string[]) {
  const found = new Set([...(lookups?.keys() ?? [])].map(scopeName));
  return new Set(parameters.filter((name) => !without.includes(name) && !found.has(name)));
}

/** `r` is the address, too. */
function decidesDeleted(draft: ScriptDraft): boolean {
  const { kind, hasThis, tree } = draft;
  if (kind !== 'expression') return readsOnlyAuth(draft);
  return !hasThis && !mentionsContent(tree, ownVariables(draft, ['auth', 'r']));
}

function compileDraft(draft: ScriptDraft): CompiledExpression | undefined {
  if (draft.kind === 'body') return undefined;
  if (draft.kind === 'function') return compileArrow(draft);
  const parameters = new Map(draft.parameters.map((name) => [name, name]));
  return compileExpression(draft.tree as Expression, { parameters, hasThis: draft.hasThis });
}

/** `(first, last) => first + last` is as simple as its body, with its parameters bound to names of the scope. */
function compileArrow({ tree, parameters }: ScriptDraft): CompiledExpression | undefined {
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
  compiled: CompiledExpression,
  remote: SandboxedScript,
  tools: ScriptTools,
): Script {
  const run = (scope: ScriptScope): ScriptResult | Promise<ScriptResult> => {
    try {
      return answer(compiled.run(scope), draft);
    } catch (error) {
      if (error instanceof BeyondClosure) return remote.run(scope);
      if (error instanceof ClosureThrew) return threw(error.message, draft.line + error.line - 1);
      throw error;
    }
  };
  const withNow = compiled.usesNow ? (scope: ScriptScope) => run(scopeWithNow(scope, tools)) : run;
  return {
    ...traitsOf(draft),
    constant: compiled.constant ? constantOf(compiled.run, draft) : undefined,
    run: withNow,
  };
}

/** What is known of a script without running it. */
function traitsOf(draft: ScriptDraft) {
  const { kind, where, tree, source, parameters } = draft;
  return {
    where,
    reads: parameters.includes('auth') ? authReads(tree) : readsNothing,
    readsOnlyAuth: readsOnlyAuth(draft),
    decidesDeleted: decidesDeleted(draft),
    mayCancel: mentions(tree, new Set(['cancel'])),
    ...(kind === 'expression' && { tree: tree as Expression, source }),
  };
}

function constantOf(closure: Closure, draft: ScriptDraft): { readonly value: Value } | undefined {
  try {
    const result = answer(closure({}), draft);
    return result.kind === 'returned' ? { value: result.value } : undefined;
  } catch {
    // It always throws, or only the sandbox can decide: not a constant.
    return undefined;
  }
}

/** The result of a closure, as the sandbox would return it: JSON has no -0, and no number that is not finite. */
function answer(value: Value, { isValidation, line }: ScriptDraft): ScriptResult {
  if (typeof value !== 'number') return returned(value);
  if (Number.isFinite(value)) return returned(value + 0);
  return isValidation ? returned(null) : threw(`it returned ${value}, which is no JSON`, line);
}

function returned(value: Value): ScriptResult {
  return { kind: 'returned', value, hidden: nothingHidden };
}

const nothingHidden: readonly string[] = [];
