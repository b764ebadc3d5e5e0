import type { Node } from 'acorn';
import { instantText } from '../../platform/instant-text.js';
import type { HookPause, HookState } from '../hook-state.js';
import type { LookupReads } from '../lookups/lookup-uses.js';
import type { ScriptResult } from '../model.js';
import type {
  Sandbox,
  SandboxProgram,
  SandboxSource,
  SandboxSyntaxError,
  ScriptCaller,
} from '../sandbox/sandbox.js';
import { scriptOwnerOf } from '../script-owner.js';
import { nowKey, ownerKey, type ScriptScope, thisKey } from './expression.js';
import type { Value } from './operators.js';

/** A parsed script, before it can run. */
export interface ScriptDraft extends Omit<SandboxSource, 'kind'> {
  /** `function`: an expression that is a function, called with `parameters` in order. */
  readonly kind: SandboxSource['kind'] | 'function';
  readonly tree: Node;
  /** Displayed position: see `Script.where`. */
  readonly where: string;
  /** The lookups that it reads: their names are among the parameters. */
  readonly lookups?: LookupReads | undefined;
  readonly hasThis: boolean;
  /** Only true and false are kept: any other result, even one that JSON cannot express, becomes null. */
  readonly isValidation?: boolean | undefined;
}

export interface ScriptTools {
  readonly sandbox: Sandbox;
  /** Milliseconds since the Unix epoch, for `now()`. */
  readonly now: () => number;
}

/** The same script in the sandbox, compiled there when it is first called. */
export class SandboxedScript {
  readonly #tools: ScriptTools;
  readonly #source: SandboxSource;
  /** Of its parameters, in a scope. */
  readonly #names: ReadonlyMap<string, string>;
  #program: Promise<SandboxProgram | SandboxSyntaxError> | undefined;

  constructor(draft: ScriptDraft, tools: ScriptTools) {
    this.#tools = tools;
    const { source, names } = forSandbox(draft);
    this.#source = source;
    this.#names = names;
  }

  program(): Promise<SandboxProgram | SandboxSyntaxError> {
    this.#program ??= this.#tools.sandbox.compile(this.#source);
    return this.#program;
  }

  async run(scope: ScriptScope): Promise<ScriptResult> {
    const program = await this.program();
    if (program.kind === 'syntax-error') return threw(program.message, program.line);
    return this.#tools.sandbox.call(program, this.#scopeFor(scope), callerOf(scope));
  }

  /** See `Sandbox.advance`. */
  async advance(scope: ScriptScope, state: HookState): Promise<ScriptResult | HookPause> {
    const program = await this.program();
    if (program.kind === 'syntax-error') return threw(program.message, program.line);
    return this.#tools.sandbox.advance(program, this.#scopeFor(scope), state, callerOf(scope));
  }

  /** Only the names that the program declares. */
  #scopeFor(scope: ScriptScope): ScriptScope {
    const given = this.#names.has(sandboxNow) ? scopeWithNow(scope, this.#tools) : scope;
    const own: Record<string, Value> = {};
    for (const [parameter, name] of this.#names) own[parameter] = given[name];
    return own;
  }
}

/** A scope names the owner if it holds data that the owner sent. */
function callerOf(scope: ScriptScope): ScriptCaller {
  const owner = scope[ownerKey];
  if (typeof owner === 'string') return { owner, isOwn: true };
  return { owner: scriptOwnerOf(scope.auth), isOwn: false };
}

/** Parameters that carry `this` and the text of `now()`; no field has such a name. */
const sandboxThis = '$this';
const sandboxNow = '$now';
const booleanOrNull =
  '(function (value) { return value === true || value === false ? value : null; })';
const nowFunction = `function now() { return ${sandboxNow}; }`;

/**
 * The source for the sandbox, and the names in a scope of its parameters. A function, or what uses `this` or `now()`,
 * is wrapped without changing its lines.
 */
function forSandbox(draft: ScriptDraft) {
  const { file, line, kind, source, hasThis, isValidation } = draft;
  // Parameters of a function are positional: a field's name may not be a valid variable name.
  const own = draft.parameters.map(
    (name, at) => [kind === 'function' ? `$${at}` : name, name] as const,
  );
  const names = new Map(own);
  const given = [...names.keys()];
  const needsThis = kind === 'expression' && hasThis;
  const needsNow = kind !== 'body' && source.includes('now') && !names.has('now');
  if (needsThis) names.set(sandboxThis, thisKey);
  if (needsNow) names.set(sandboxNow, nowKey);
  const place = { file, line, parameters: [...names.keys()] };
  if (kind !== 'function' && !needsThis && !needsNow && !isValidation) {
    return { source: { ...place, kind, source }, names };
  }
  const prefix = needsNow ? `${nowFunction} ` : '';
  const checked = isValidation ? booleanOrNull : '';
  const wrapped = `${prefix}return ${checked}(${wrappedSource(draft, given)});`;
  return { source: { ...place, kind: 'body', source: wrapped } as const, names };
}

function wrappedSource({ kind, source, hasThis }: ScriptDraft, given: readonly string[]): string {
  if (kind === 'function') return `(${source}\n)(${given.join(', ')})`;
  return hasThis ? `(function () { return (${source}\n); }).call(${sandboxThis})` : `(${source}\n)`;
}

/** The scope with the time for `now()`, unless it is set. */
export function scopeWithNow(scope: ScriptScope, tools: ScriptTools): ScriptScope {
  return nowKey in scope ? scope : { ...scope, [nowKey]: instantText(tools.now()) };
}

export function threw(message: string, line: number): ScriptResult {
  return { kind: 'threw', message, line };
}
