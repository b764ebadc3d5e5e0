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
export interface ScriptDraft extends SandboxSource {
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

/** The source for the sandbox: if it uses `this` or `now()` it is wrapped, without changing its lines, to define both. */
function sandboxSource(draft: ScriptDraft): SandboxSource {
  const { file, line, kind, source } = draft;
  // Parameters of a function are positional: a field's name may not be a valid variable name.
  const given = draft.parameters.map((name, index) => (kind === 'function' ? `$${index}` : name));
  const needsThis = kind === 'expression' && draft.hasThis;
  const needsNow = kind !== 'body' && mentionsNow(draft) && !given.includes('now');
  if (!needsThis && !needsNow && !draft.isValidation) {
    return { file, line, kind, source, parameters: given };
  }
  const parameters = [...given];
  if (needsThis) parameters.push(sandboxThis);
  if (needsNow) parameters.push(sandboxNow);
  const prefix = needsNow ? `${nowFunction} ` : '';
  const checked = draft.isValidation ? booleanOrNull : '';
  return {
    file,
    line,
    kind: 'body',
    source: `${prefix}return ${checked}(${wrappedSource(draft, given)});`,
    parameters,
  };
}

function wrappedSource({ kind, source, hasThis }: ScriptDraft, given: readonly string[]): string {
  if (kind === 'function') return `(${source}\n)(${given.join(', ')})`;
  return hasThis ? `(function () { return (${source}\n); }).call(${sandboxThis})` : `(${source}\n)`;
}

function mentionsNow({ source }: ScriptDraft): boolean {
  return source.includes('now');
}

/** The scope with the time for `now()`, unless it is set. */
export function scopeWithNow(scope: ScriptScope, tools: ScriptTools): ScriptScope {
  return nowKey in scope ? scope : { ...scope, [nowKey]: instantText(tools.now()) };
}

export function threw(message: string, line: number): ScriptResult {
  return { kind: 'threw', message, line };
}
