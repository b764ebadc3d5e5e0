import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { JsonValue } from '@really/protocol';
import type { Budgets } from '../../../platform/budget.js';
import { type Log, silentLog } from '../../../platform/log.js';
import { type Metrics, noMetrics } from '../../../platform/metrics.js';
import type { Platform } from '../../../platform/platform.js';
import type { ScriptResult } from '../../model.js';
import type {
  Asking,
  Sandbox,
  SandboxProgram,
  SandboxSource,
  SandboxSyntaxError,
} from '../sandbox.js';
import { decodeResult } from './result-codec.js';
import { sandboxMetrics } from './sandbox-metrics.js';
import { CompiledSource } from './source/compiled-source.js';
import { checkSyntax } from './source/syntax.js';
import { Pool } from './threads/pool.js';
import { ScriptCall } from './threads/script-call.js';

export interface QuickJsSandboxOptions {
  /** Milliseconds of one call. */
  readonly timeLimit?: number | undefined;
  /** Bytes that one call may use. */
  readonly memoryLimit?: number | undefined;
  /** Bytes of the engine's stack, up to a mebibyte. */
  readonly stackLimit?: number | undefined;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
  readonly log?: Log | undefined;
  /** Maximum effects of one call: more than 0 makes it a sandbox of post hooks. */
  readonly effects?: number | undefined;
  /** Receives the output of `print`, with the file of the script; by default the log. */
  readonly print?: ((file: string, text: string) => void) | undefined;
  readonly metrics?: Metrics | undefined;
  /** Maximum bytes of pending calls; beyond: the requesters with most of them are refused. */
  readonly waiting?: number | undefined;
  /** Whether to refuse requesters whose own input makes scripts exceed their time again and again. */
  readonly holdsBack?: boolean | undefined;
  /** Records waiting and refused calls. */
  readonly budgets?: Budgets | undefined;
}

/**
 * A sandbox over QuickJS in WebAssembly, in worker threads. Resolves once scripts can run; rejects
 * where threads do not start. Whoever creates it closes it.
 */
export async function createQuickJsSandbox(options: QuickJsSandboxOptions): Promise<Sandbox> {
  const { platform, log = silentLog, metrics = noMetrics } = options;
  const { budgets, waiting = 128 * 1024 * 1024, holdsBack = false } = options;
  const pool: Pool = new Pool({
    room: { bytes: waiting, holdsBack, refused: (bound) => budgets?.refuse(bound) },
    wasm: await engineModule(),
    limits: {
      ...guestLimits,
      time: options.timeLimit ?? 50,
      memory: options.memoryLimit ?? 32 * 1024 * 1024,
      stack: Math.min(options.stackLimit ?? 256 * 1024, 1024 * 1024),
      effects: options.effects ?? 0,
      programs: 32 * 1024 * 1024,
      depth: 64,
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
    asking: Asking = { asker: uidOf(scope.auth), isOwn: false },
  ): Promise<ScriptResult> {
    const compiled = this.#compiled.get(program);
    if (compiled === undefined) return threw('the program is of another sandbox');
    let text: string;
    try {
      text = compiled.write(scope);
    } catch (error) {
      return threw(`its scope is no JSON: ${error}`);
    }
    return this.#submit(compiled, text, asking);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #submit(compiled: CompiledSource, scope: string | null, asking: Asking): Promise<ScriptResult> {
    return new Promise((resolve) => {
      this.#pool.submit(
        new ScriptCall(compiled, scope, asking, (answer) => resolve(decodeResult(answer))),
      );
    });
  }
}

/** Most scripts receive the requester's `auth`. */
function uidOf(auth: JsonValue | undefined): string {
  if (typeof auth !== 'object' || auth === null || Array.isArray(auth)) return '';
  return Object.hasOwn(auth, 'uid') && typeof auth.uid === 'string' ? auth.uid : '';
}

function threw(message: string): ScriptResult {
  return { kind: 'threw', message, line: undefined };
}

function compileError(
  source: SandboxSource,
  result: Exclude<ScriptResult, { kind: 'returned' }>,
): SandboxSyntaxError {
  const line = 'line' in result ? (result.line ?? source.line) : source.line;
  return { kind: 'syntax-error', message: reasonOf(result), line, column: 1 };
}

function reasonOf(result: Exclude<ScriptResult, { kind: 'returned' }>): string {
  if (result.kind === 'stopped') return `it takes too much ${result.reason} to compile`;
  return result.kind === 'refused' ? `beyond ${result.bound}` : result.message;
}

const nobody: Asking = { asker: '', isOwn: false };

const guestLimits = { result: 1024 * 1024, line: 2000, message: 1000, hidden: 64 * 1024 };

let loading: Promise<WebAssembly.Module> | undefined;

/** Compiled once per process: threads share it. */
function engineModule(): Promise<WebAssembly.Module> {
  loading ??= readFile(
    createRequire(import.meta.url).resolve('@jitl/quickjs-wasmfile-release-sync/wasm'),
  ).then((bytes) => WebAssembly.compile(bytes));
  return loading;
}
