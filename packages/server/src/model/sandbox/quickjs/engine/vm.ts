import type { JSValuePointer } from 'quickjs-emscripten-core';
import { encodeCancelled, encodePaused, encodeStopped, encodeThrew } from '../result-codec.js';
import { type BootedEngine, boot } from './boot.js';
import type { EngineLimits } from './engine.js';
import type { GuestLimits } from './guest-runtime.js';
import { isDeeper } from './json-depth.js';
import { hasItsConstants } from './memory-layout.js';
import { Polling } from './polling.js';
import {
  type EngineEnd,
  errorEnd,
  type LoadedProgram,
  LoadedPrograms,
  lineOf,
  loadProgram,
  type Program,
} from './programs.js';
import { call, errorOf, newText, textOf } from './values.js';

export interface VmLimits extends EngineLimits, GuestLimits {
  /** Milliseconds of one call. */
  readonly time: number;
  /** Bytes of compiled programs that are kept. */
  readonly programs: number;
  /** Maximum nesting of a result: code that processes it may be recursive. */
  readonly depth: number;
}

/** Events of a running call. */
export interface VmListener {
  print(text: string): void;
  /** For `Math.random`. */
  random(): number;
  /** Called now and then with the milliseconds that the call has taken. */
  stillRunning(spent: number): void;
  /** A traced program comes to a line of its file. */
  reached(line: number): void;
}

/** An engine, and what is kept beside it for as long as it is whole. */
interface WholeEngine extends BootedEngine {
  readonly polling: Polling;
  readonly programs: LoadedPrograms;
}

/** How a call ended, if the host decided it. The first reason of a call stands, whatever the script does afterwards. */
type StopReason =
  | { readonly kind: 'cancelled'; readonly code: number; readonly message: string }
  /** `state`: see `GuestHost.pause`. */
  | { readonly kind: 'paused'; readonly state: string }
  | { readonly kind: 'threw'; readonly message: string; readonly stack: string }
  | { readonly kind: 'stopped'; readonly reason: 'time' | 'memory' | 'stack' };

/** Runs calls one after the other, each from the same bytes, as if it were the first. */
export class Vm {
  readonly #wasm: WebAssembly.Module;
  readonly #limits: VmLimits;
  readonly #listener: VmListener;
  #base: WholeEngine | undefined;
  #stopReason: StopReason | undefined;
  /** The most that calls came to use, in bytes. */
  #used = 0;

  static async open(wasm: WebAssembly.Module, limits: VmLimits, listener: VmListener): Promise<Vm> {
    const vm = new Vm(wasm, limits, listener);
    await vm.repair();
    return vm;
  }

  private constructor(wasm: WebAssembly.Module, limits: VmLimits, listener: VmListener) {
    this.#wasm = wasm;
    this.#limits = limits;
    this.#listener = listener;
  }

  /** The engine's stack was unwound from outside: it needs `repair` before the next call. */
  get broken(): boolean {
    return this.#base === undefined;
  }

  get used(): number {
    return this.#used;
  }

  /** Checked after some calls: an engine whose constants changed, by whatever fault, is not used again. */
  inspect(): void {
    const base = this.#base;
    if (base !== undefined && !hasItsConstants(base.engine, base.layout)) this.#base = undefined;
  }

  async repair(): Promise<void> {
    const base = await boot(this.#wasm, this.#limits, {
      print: (text) => this.#print(text),
      cancel: (text) => this.#cancel(text),
      pause: (state) => this.#decide({ kind: 'paused', state }),
      random: () => this.#listener.random(),
      reached: (line) => this.#listener.reached(line),
      interrupted: () => this.#interrupted(),
      refused: () => this.#refuse(),
    });
    const polling = new Polling(base.engine.words, base.layout.pollWord);
    this.#base = { ...base, polling, programs: new LoadedPrograms(this.#limits.programs) };
  }

  /** Returns like a call: `u` if the program compiles, otherwise a throw or a stop. */
  compile(program: Program): string {
    return this.#guarded(program, (base) => {
      const loaded = this.#load(base, program);
      return 'callee' in loaded ? { text: 'u' } : loaded;
    });
  }

  /**
   * Calls a program, with a scope as `Realm.run` takes it. `moreTime`: if it begins with a state, the
   * milliseconds that it may run beyond the limit.
   */
  call(program: Program, scope: string, moreTime?: number): string {
    return this.#guarded(program, (base) => {
      const loaded = base.programs.get(program.key) ?? this.#load(base, program);
      if (!('callee' in loaded)) return loaded;
      loaded.snapshot.restore();
      base.polling.start(this.#limits.time + (moreTime ?? 0));
      const kind = (program.hasThis ? 1 : 0) + (moreTime === undefined ? 0 : 2);
      return this.#run(base, kind, loaded, scope);
    });
  }

  #load(base: WholeEngine, program: Program): LoadedProgram | EngineEnd {
    base.polling.start(this.#limits.time);
    const loaded = loadProgram(base, program);
    if ('callee' in loaded) base.programs.set(program.key, loaded);
    return loaded;
  }

  /** An error that unwinds the engine, such as an overflow of the thread's own stack, costs the engine and ends only this call. */
  #guarded(program: Program, task: (base: WholeEngine) => EngineEnd): string {
    const base = this.#base;
    if (base === undefined) return encodeThrew('the sandbox is being repaired', undefined);
    this.#stopReason = undefined;
    let left: EngineEnd;
    try {
      left = task(base);
    } catch (error) {
      this.#base = undefined;
      if (error instanceof RangeError) this.#decide({ kind: 'stopped', reason: 'stack' });
      left = { message: `${error}` };
    }
    const top = base.engine.words[base.layout.topWord] ?? 0;
    this.#used = Math.max(this.#used, top - base.engine.freeStart);
    return this.#conclude(left, program.line);
  }

  #run(base: BootedEngine, kindNumber: number, loaded: LoadedProgram, scope: string): EngineEnd {
    const { engine, functions, kinds, argv } = base;
    const { ffi, runtime } = engine;
    const kind = kinds[kindNumber];
    const text = newText(engine, scope);
    if (text === undefined || kind === undefined) {
      return { message: 'there is no memory for its values' };
    }
    const value = call(engine, functions.run, argv, [loaded.callee, kind, text]);
    const left = this.#read(base, value);
    const waiting = left.text === waitingText || ffi.QTS_IsJobPending(runtime) !== 0;
    if (!waiting || this.#stopReason !== undefined) return left;
    this.#settle(base);
    if (this.#stopReason !== undefined) return left;
    return this.#read(base, call(engine, functions.finish, argv, []));
  }

  #read(base: BootedEngine, value: JSValuePointer): EngineEnd {
    const error = errorOf(base.engine, value);
    if (error !== undefined) return errorEnd(base, error);
    const text = textOf(base.engine, value);
    const [kind] = text;
    if (kind !== 't' && kind !== 's' && kind !== 'm') return { text };
    if (kind !== 't') this.#decide({ kind: 'stopped', reason: kind === 's' ? 'stack' : 'memory' });
    const [message, stack] = JSON.parse(text.slice(1)) as [string, string];
    return { message, stack };
  }

  /** Runs promises until none is pending: without timers that is soon, or the time is over. */
  #settle({ engine, argv }: BootedEngine): void {
    const { ffi, runtime } = engine;
    while (this.#stopReason === undefined && ffi.QTS_IsJobPending(runtime) !== 0) {
      // A job may be too short for an interrupt check.
      if (!this.#interrupted()) ffi.QTS_ExecutePendingJob(runtime, 1, argv as never);
    }
  }

  #conclude({ text, message = '', stack = '' }: EngineEnd, firstLine: number): string {
    const stopReason = this.#stopReason;
    const { depth } = this.#limits;
    if (stopReason === undefined) {
      if (text === undefined) return encodeThrew(message, lineOf(stack, firstLine));
      if (!isDeeper(text, depth)) return text;
      return encodeThrew(`its result is nested deeper than ${depth} levels`, undefined);
    }
    switch (stopReason.kind) {
      case 'cancelled':
        return encodeCancelled(stopReason.code, stopReason.message);
      case 'paused':
        if (!isDeeper(stopReason.state, depth + 1)) return encodePaused(stopReason.state);
        return encodeThrew(`what it asks for is nested deeper than ${depth} levels`, undefined);
      case 'threw':
        return encodeThrew(stopReason.message, lineOf(stopReason.stack, firstLine));
      case 'stopped':
        return encodeStopped(stopReason.reason, lineOf(stack, firstLine));
      default:
        return stopReason satisfies never;
    }
  }

  #interrupted(): boolean {
    const polling = this.#base?.polling;
    if (polling === undefined) return false;
    if (!polling.mayGoOn()) this.#decide({ kind: 'stopped', reason: 'time' });
    if (this.#stopReason === undefined) {
      this.#listener.stillRunning(polling.spent);
      return false;
    }
    polling.soon();
    return true;
  }

  #refuse(): void {
    this.#used = this.#limits.memory;
    this.#decide({ kind: 'stopped', reason: 'memory' });
  }

  #cancel(text: string): void {
    const [code, message] = JSON.parse(text) as [number | string, string];
    if (typeof code === 'number') this.#decide({ kind: 'cancelled', code, message });
    else this.#decide({ kind: 'threw', message: code, stack: message });
  }

  #print(text: string): void {
    if (this.#stopReason === undefined) this.#listener.print(JSON.parse(text) as string);
  }

  #decide(stopReason: StopReason): void {
    this.#stopReason ??= stopReason;
    this.#base?.polling.soon();
  }
}

/** What `Realm.run` answers when a promise stands for the result. */
const waitingText = 'p';
