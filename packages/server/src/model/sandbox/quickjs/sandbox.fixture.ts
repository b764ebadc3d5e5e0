import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { JsonValue } from '@really/protocol';
import { systemPlatform } from '../../../platform/system.js';
import type { HookPause, HookReply, HookState, ScriptEffect } from '../../hook-state.js';
import type { ScriptResult } from '../../model.js';
import type { Sandbox, SandboxProgram, SandboxSource } from '../sandbox.js';
import { Vm, type VmListener } from './engine/vm.js';
import { decodeResult } from './result-codec.js';
import { createQuickJsSandbox, type QuickJsSandboxOptions } from './sandbox.js';
import { CompiledSource } from './source/compiled-source.js';
import { checkSyntax } from './source/syntax.js';

// What the tests of this folder share.

export type TestScope = Readonly<Record<string, JsonValue | undefined>>;

export function sourceOf(
  kind: SandboxSource['kind'],
  source: string,
  parameters: readonly string[] = [],
  line = 1,
): SandboxSource {
  return { file: 'models/users/script.js', line, kind, source, parameters };
}

export const emptyState: HookState = {
  ...{ now: 1_000_000, seed: [1, 2, 3, 4], answers: [], effects: 0, effectChars: 0, prints: 0 },
};

/** A sandbox, and short words for what tests do with one. */
export class TestSandbox {
  readonly sandbox: Sandbox;
  readonly printed: string[] = [];
  /** Of post hooks. */
  readonly pauses: HookPause[] = [];
  readonly #programs = new Map<string, SandboxProgram>();

  static async open(options: Partial<QuickJsSandboxOptions> = {}): Promise<TestSandbox> {
    const printed: string[] = [];
    const sandbox = await createQuickJsSandbox({
      platform: systemPlatform,
      print: (file, text) => printed.push(`${file}: ${text}`),
      ...options,
    });
    return new TestSandbox(sandbox, printed);
  }

  private constructor(sandbox: Sandbox, printed: string[]) {
    this.sandbox = sandbox;
    this.printed = printed;
  }

  async program(
    kind: SandboxSource['kind'],
    source: string,
    parameters: readonly string[],
  ): Promise<SandboxProgram> {
    const key = JSON.stringify([kind, source, parameters]);
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const program = await this.sandbox.compile(sourceOf(kind, source, parameters));
    if (program.kind === 'syntax-error') throw new Error(`${program.message} in ${source}`);
    this.#programs.set(key, program);
    return program;
  }

  /** Compiles, unless it has before, and calls. */
  async run(
    kind: SandboxSource['kind'],
    source: string,
    scope: TestScope = {},
  ): Promise<ScriptResult> {
    return this.sandbox.call(await this.program(kind, source, Object.keys(scope)), scope);
  }

  value(source: string, scope: TestScope = {}): Promise<ScriptResult> {
    return this.run('expression', source, scope);
  }

  body(source: string, scope: TestScope = {}): Promise<ScriptResult> {
    return this.run('body', source, scope);
  }

  /** Executes a post hook until it is over, with answers by the text of the call. */
  async hook(
    source: string,
    answers: Readonly<Record<string, HookReply>> = {},
    scope: TestScope = {},
  ): Promise<ScriptResult> {
    const program = await this.program('body', source, Object.keys(scope));
    const effects: ScriptEffect[] = [];
    let state: HookState = emptyState;
    for (;;) {
      const result = await this.sandbox.advance(program, scope, state);
      if (result.kind === 'returned') {
        return { ...result, effects: [...effects, ...(result.effects ?? [])] };
      }
      if (result.kind !== 'paused') return result;
      this.pauses.push(result);
      effects.push(...result.effects);
      const { call, prints } = result;
      const effectChars = state.effectChars + result.effectChars;
      state = { ...state, effects: effects.length, effectChars, prints };
      if (call === undefined) continue;
      const reply = JSON.stringify(answers[call] ?? { error: { code: 404, message: call } });
      state = { ...state, answers: [...state.answers, { call, reply }] };
    }
  }

  close(): Promise<void> {
    return this.sandbox.close();
  }
}

export function returned(value: JsonValue | undefined, hidden: readonly string[] = []) {
  return { kind: 'returned', value, hidden };
}

const limits = {
  ...{ time: 50, memory: 32 * 1024 * 1024, stack: 256 * 1024, programs: 32 * 1024 * 1024 },
  ...{ depth: 64, result: 1024 * 1024, line: 2000, message: 1000, hidden: 65536, effects: 0 },
  ...{ effectChars: 0, reads: 0 },
};

export async function engineWasm(): Promise<WebAssembly.Module> {
  const { resolve } = createRequire(import.meta.url);
  return WebAssembly.compile(await readFile(resolve('@jitl/quickjs-wasmfile-release-sync/wasm')));
}

/** A VM in this thread. Nothing ends it if it hangs. */
export async function openVm(
  options: Partial<typeof limits> = {},
  listener: Partial<VmListener> = {},
): Promise<Vm> {
  return Vm.open(
    await engineWasm(),
    { ...limits, ...options },
    { print() {}, random: Math.random, stillRunning() {}, reached() {}, ...listener },
  );
}

let lastId = 0;

export function compiledOf(source: SandboxSource): CompiledSource {
  const syntax = checkSyntax(source);
  if (syntax.kind === 'syntax-error') throw new Error(`${syntax.message} in ${source.source}`);
  lastId += 2;
  return new CompiledSource(lastId, source, syntax);
}

export async function callVm(
  vm: Vm,
  compiled: CompiledSource,
  scope: TestScope = {},
  traced = false,
): Promise<ScriptResult> {
  const result = decodeResult(vm.call(compiled.program(traced), compiled.write(scope)));
  if (vm.broken) await vm.repair();
  if (result.kind === 'paused') throw new Error('it paused');
  return result;
}
