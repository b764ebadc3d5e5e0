import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import vm from 'node:vm';
import type { Auth, JsonObject } from '@really/protocol';
import { onTestFinished } from 'vitest';
import { silentLog } from '../platform/log.js';
import type { StoredObject } from '../store/stored-object.js';
import { formatProblem, type LoadOptions, loadModels } from './load-models.js';
import type { Model, ModelSet, ScriptFailure, ScriptRefusal, ScriptResult } from './model.js';
import type {
  Sandbox,
  SandboxProgram,
  SandboxSource,
  SandboxSyntaxError,
  ScriptCaller,
} from './sandbox/sandbox.js';

/** Runs scripts in a fresh context of this process: for tests of the layers above the sandbox. */
export class VmSandbox implements Sandbox {
  /** Called programs, in order. */
  readonly calls: SandboxSource[] = [];
  readonly compiled: SandboxSource[] = [];
  /** The owner of each call. */
  readonly callers: (ScriptCaller | undefined)[] = [];
  /** While it is set, no call runs. */
  refusal: ScriptRefusal | undefined;

  async compile(source: SandboxSource): Promise<SandboxProgram | SandboxSyntaxError> {
    try {
      new vm.Script(wrapped(source), { filename: source.file });
    } catch (error) {
      return { kind: 'syntax-error', message: String(error), line: source.line, column: 1 };
    }
    this.compiled.push(source);
    return { kind: 'program', id: this.compiled.length, source };
  }

  async call(
    program: SandboxProgram,
    scope: Readonly<JsonScope>,
    caller?: ScriptCaller,
  ): Promise<ScriptResult> {
    const { source } = program;
    this.calls.push(source);
    this.callers.push(caller);
    if (this.refusal) return { kind: 'refused', ...this.refusal };
    const given = source.parameters.map((name) => JSON.stringify(scope[name]) ?? 'undefined');
    const code = `${prelude}(${wrapped(source)}).call(undefined, ${given.join(', ')});${postlude}`;
    try {
      const text = vm.runInNewContext(`(function () {${code}})()`, {}, { timeout: 400 });
      const result = JSON.parse(String(text)) as ScriptResult;
      return result.kind === 'returned' ? { ...result, value: result.value } : result;
    } catch (error) {
      return failure(error);
    }
  }

  async advance(program: SandboxProgram, scope: Readonly<JsonScope>): Promise<ScriptResult> {
    return await this.call(program, scope);
  }

  async close(): Promise<void> {}
}

type JsonScope = Record<string, JsonObject[string] | undefined>;

const prelude = `
  const hidden = [];
  let cancelled;
  const hide = (...names) => { hidden.push(...names); };
  const print = () => {};
  const cancel = (code, message) => { cancelled = { kind: 'cancelled', code, message }; throw cancelled; };
  try { const value = `;
const postlude = `
    return JSON.stringify({ kind: 'returned', value, hidden });
  } catch (error) {
    if (cancelled !== undefined) return JSON.stringify(cancelled);
    return JSON.stringify({ kind: 'threw', message: String(error), line: 1 });
  }`;

function wrapped({ kind, source, parameters }: SandboxSource): string {
  const names = parameters.join(', ');
  if (kind === 'body') return `(function (${names}) {${source}\n})`;
  if (kind === 'expression') return `(function (${names}) { return (${source}\n); })`;
  return `(function (${names}) { return (${source}\n)(${names}); })`;
}

function failure(error: unknown): ScriptResult {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return { kind: 'stopped', reason: 'time', line: 1 };
  return { kind: 'threw', message: String(error), line: 1 };
}

/** The files of an app's models, by path. */
export type Files = Record<string, string | Uint8Array>;

/** Writes the files to a temporary folder of the test. */
export async function writeFiles(files: Files): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'really-models-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
  return dir;
}

export interface LoadedTestModels {
  readonly models: ModelSet;
  readonly warnings: string[];
  readonly sandbox: VmSandbox;
  readonly failures: { where: string; result: ScriptFailure }[];
  /** The model at this key; throws if there is none. */
  model(key: string): Model;
}

export const testNow = Date.UTC(2024, 1, 29, 12, 0, 0, 5);

type Changes = Partial<Pick<LoadOptions, 'mode' | 'limits' | 'log' | 'now' | 'readLookups'>>;

/** Loads models that must be valid. */
export async function loaded(files: Files, changes: Changes = {}): Promise<LoadedTestModels> {
  const { result, sandbox, failures } = await load(files, changes);
  if (result.kind === 'broken') throw new Error(result.problems.map(formatProblem).join('\n'));
  const { models, warnings } = result;
  const model = (key: string): Model => {
    const found = models.get(key.split('/'));
    if (found === undefined) throw new Error(`no model ${key}`);
    return found;
  };
  return { models, warnings, sandbox, failures, model };
}

/** The problems of these models, as `users/model.yaml:4:17: …`; empty if there are none. */
export async function problemsOf(files: Files, changes: Changes = {}): Promise<string[]> {
  const { result, dir } = await load(files, changes);
  if (result.kind === 'loaded') return [];
  return result.problems.map((problem) => formatProblem(problem).replaceAll(`${dir}/`, ''));
}

async function load(files: Files, changes: Changes) {
  const dir = await writeFiles(files);
  const sandbox = new VmSandbox();
  const failures: { where: string; result: ScriptFailure }[] = [];
  const result = await loadModels({
    dir,
    mode: 'development',
    sandbox,
    limits: { depth: 64, list: 10_000 },
    now: () => testNow,
    log: silentLog,
    onScriptFailure: (where, failed) => failures.push({ where, result: failed }),
    ...changes,
  });
  return { result, dir, sandbox, failures };
}

/** A model of one collection, `things`, with these lines below `fields:` (indented by two) and more after them. */
export async function thing(
  fields: string,
  more = '',
  files: Files = {},
): Promise<LoadedTestModels & { thing: Model }> {
  const all = await loaded({ 'things/model.yaml': thingYaml(fields, more), ...prefixed(files) });
  return { ...all, thing: all.model('things') };
}

export function thingYaml(fields: string, more = ''): string {
  return `version: 1\nfields:\n${fields}\n${more}\n`;
}

function prefixed(files: Files): Files {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`things/${name}`, text]));
}

export const alice: Auth = { uid: 'alice', authType: 'password', _r: '/users/1' };
export const bob: Auth = { uid: 'bob', authType: 'password', _r: '/users/2' };

export function stored(r: string, data: JsonObject, rev = 1): StoredObject {
  return { r, rev, data, touched: {}, deleted: false, modelVersion: 1 };
}
