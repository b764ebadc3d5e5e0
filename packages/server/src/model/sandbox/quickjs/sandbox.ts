import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { JsonValue } from '@really/protocol';
import type { Budgets } from '../../../platform/budget.js';
import { type Log, silentLog } from '../../../platform/log.js';
import { type Metrics, noMetrics } from '../../../platform/metrics.js';
import type { Platform } from '../../../platform/platform.js';
import type { HookPause, HookState } from '../../hook-state.js';
import type { ScriptResult } from '../../model.js';
import type {
  Sandbox,
  SandboxProgram,
  SandboxSource,
  SandboxSyntaxError,
  ScriptCaller,
} from '../sandbox.js';
import type { GuestLimits } from './engine/guest-runtime.js';
import { decodeResult } from './result-codec.js';
import { sandboxMetrics } from './sandbox-metrics.js';
import { CompiledSource } from './source/compiled-source.js';
import { checkSyntax } from './source/syntax.js';
import { Pool } from './threads/pool.js';
import { type RunCaller, ScriptCall } from './threads/script-call.js';

export interface QuickJsSandboxOptions {
  /** Milliseconds of one call. */
  readonly timeLimit?: number | undefined;
  /** Bytes that one call may use. */
  readonly memoryLimit?: number | undefined;
  /** Bytes of the engine's stack, up to a mebibyte. */
  readonly stackLimit?: number | undefined;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
  readonly log?: Log | undefined;
  /** Makes it a sandbox of post hooks. */
  readonly postHooks?: Pick<GuestLimits, 'effects' | 'effectChars' | 'reads'> | undefined;
  /** Receives the output of `print`, with the file of the script; by default the log. */
  readonly print?: ((file: string, text: string) => void) | undefined;
  readonly metrics?: Metrics | undefined;
  /** Maximum bytes of pending calls; beyond: the owners with most of them are refused. */
  readonly waiting?: number | undefined;
  /** Whether to refuse owners whose own input makes scripts exceed their time again and again. */
  readonly holdsBack?: boolean | undefined;
  /** Records waiting and refused calls. */
  readonly budgets?: Budgets | undefined;
}

/**
 * A sandbox over QuickJS in WebAssembly, in worker threads. Resolves once scripts can run; rejects
 * where threads do not start. Its creator closes it.
 */
export async function createQuickJsSandbox(options: QuickJsSandboxOptions): Promise<Sandbox> {
  const { platform, log = silentLog, metrics = noMetrics } = options;
  const { budgets, waiting = 128 * 1024 * 1024, holdsBack = false } = options;
  const pool: Pool = new Pool({
    room: { bytes: waiting, holdsBack, refused: (bound) => budgets?.refuse(bound) },
    wasm: await engineModule(),
    limits: {
      ...fixedLimits,
      ...options.postHooks,
      time: options.timeLimit ?? 50,
      memory: options.memoryLimit ?? 32 * 1024 * 1024,
      stack: Math.min(options.stackLimit ?? 256 * 1024, 1024 * 1024),
    },
    clock: platform.clock,
    timers: platform.timers,
    log,
    metrics: sandboxMetrics(metrics, () => pool.waiting),
    print: options.print ?? ((file, text) => log.info({ script: file }, text)),
  });
  budgets?.counted('limits.hooksWaiting', () => pool.used);
  try {
    await pool.start();
  } catch (error) {
    await pool.close();
    throw error;
  }
  return new QuickJsSandbox(pool);
}

class QuickJsSandbox implements Sandbox {
  readonly #pool: Pool;
  /** A program is removed with its models. */
  readonly #compiled = new WeakMap<SandboxProgram, CompiledSource>();
  #nextId = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async compile(source: SandboxSource): Promise<SandboxProgram | SandboxSyntaxError> {
    const syntax = checkSyntax(source);
    if (syntax.kind === 'syntax-error') return syntax;
    this.#nextId += 2;
    const compiled = new CompiledSource(this.#nextId, source, syntax);
    const result = await this.#submit(compiled, null, nobody);
    if (result.kind !== 'returned') return compileError(source, result);
    const program: SandboxProgram = { kind: 'program', id: this.#nextId, source };
    this.#compiled.set(program, compiled);
    return program;
  }

  async call(
    program: SandboxProgram,
    scope: Readonly<Record<string, JsonValue | undefined>>,
    caller = nobody,
  ): Promise<ScriptResult> {
    const result = await this.#run(program, (compiled) => compiled.write(scope), caller);
    return result.kind === 'paused' ? threw('it needs a state to go on') : result;
  }

  async advance(
    program: SandboxProgram,
    scope: Readonly<Record<string, JsonValue | undefined>>,
    state: HookState,
    caller = nobody,
  ): Promise<ScriptResult | HookPause> {
    const { now, seed, prints, answers } = state;
    const size = answers.reduce((sum, { reply }) => sum + reply.length, 0);
    const run = { now, seed, prints, moreTime: size / answerCharsPerMs };
    const write = (compiled: CompiledSource) => compiled.writeRun(scope, state);
    return await this.#run(program, write, { ...caller, run });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #run(
    program: SandboxProgram,
    write: (compiled: CompiledSource) => string,
    caller: RunCaller,
  ): Promise<ScriptResult | HookPause> {
    const compiled = this.#compiled.get(program);
    if (compiled === undefined) return Promise.resolve(threw('the program is of another sandbox'));
    let scope: string;
    try {
      scope = write(compiled);
    } catch (error) {
      return Promise.resolve(threw(`its scope is no JSON: ${error}`));
    }
    return this.#submit(compiled, scope, caller);
  }

  #submit(
    compiled: CompiledSource,
    scope: string | null,
    caller: RunCaller,
  ): Promise<ScriptResult | HookPause> {
    return new Promise((resolve) => {
      this.#pool.submit(
        new ScriptCall(compiled, scope, caller, (answer) => resolve(decodeResult(answer))),
      );
    });
  }
}

function threw(message: string): ScriptResult {
  return { kind: 'threw', message, line: undefined };
}

function compileError(
  source: SandboxSource,
  result: Exclude<ScriptResult | HookPause, { kind: 'returned' }>,
): SandboxSyntaxError {
  const line = 'line' in result ? (result.line ?? source.line) : source.line;
  return { kind: 'syntax-error', message: reasonOf(result), line, column: 1 };
}

function reasonOf(result: Exclude<ScriptResult | HookPause, { kind: 'returned' }>): string {
  if (result.kind === 'paused') return 'it does not compile';
  if (result.kind === 'stopped') return `it takes too much ${result.reason} to compile`;
  return result.kind === 'refused' ? `beyond ${result.bound}` : result.message;
}

/** Characters of answers for which a call gets a millisecond: QuickJS reads 25,000 or so in one. */
const answerCharsPerMs = 8192;

const nobody: ScriptCaller = { owner: '', isOwn: false };

const fixedLimits = {
  ...{ result: 1024 * 1024, line: 2000, message: 1000, hidden: 64 * 1024 },
  ...{ effects: 0, effectChars: 0, reads: 0 },
  ...{ programs: 32 * 1024 * 1024, depth: 64 },
};

let loading: Promise<WebAssembly.Module> | undefined;

/** Compiled once per process: threads share it. */
function engineModule(): Promise<WebAssembly.Module> {
  loading ??= readFile(
    createRequire(import.meta.url).resolve('@jitl/quickjs-wasmfile-release-sync/wasm'),
  ).then((bytes) => WebAssembly.compile(bytes));
  return loading;
}
