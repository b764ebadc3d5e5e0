import type { JSValuePointer } from 'quickjs-emscripten-core';
import { cancelledAnswer, stoppedAnswer, threwAnswer } from './answers.js';
import { type Base, boot } from './boot.js';
import type { EngineLimits } from './engine.js';
import { isDeeper } from './json-depth.js';
import { hasItsConstants } from './layout.js';
import { Polling } from './polling.js';
import { type Loaded, LoadedPrograms, loadProgram, type Program } from './programs.js';
import type { RealmLimits } from './realm.js';
import { call, errorOf, memberText, newText, textOf } from './values.js';
import { lineOf, type Verdict } from './verdict.js';

export interface MachineLimits extends EngineLimits, RealmLimits {
  /** Milliseconds of one call. */
  readonly time: number;
  /** Bytes of compiled programs that are kept. */
  readonly programs: number;
  /** Levels of JSON in a result: code that takes it apart may go down by recursion. */
  readonly depth: number;
}

/** What a call tells while it runs. */
export interface MachineListener {
  print(text: string): void;
  /** Now and then, with the milliseconds that the call has taken. */
  stillRunning(spent: number): void;
  /** A traced program comes to a line of its file. */
  reached(line: number): void;
}

/** How the engine left a call. */
interface Left {
  /** What `Realm.run` answered; undefined where the engine threw. */
  readonly text?: string | undefined;
  readonly message: string;
  readonly stack: string;
}

/** Runs calls one after the other, each from the same bytes, as if it were the first. */
export class Machine {
  readonly #wasm: WebAssembly.Module;
  readonly #limits: MachineLimits;
  readonly #listener: MachineListener;
  #programs: LoadedPrograms;
  #base: Base | undefined;
  #polling: Polling | undefined;
  #verdict: Verdict | undefined;
  /** The most that calls came to use, in bytes. */
  #used = 0;

  static async open(
    wasm: WebAssembly.Module,
    limits: MachineLimits,
    listener: MachineListener,
  ): Promise<Machine> {
    const machine = new Machine(wasm, limits, listener);
    await machine.repair();
    return machine;
  }

  private constructor(wasm: WebAssembly.Module, limits: MachineLimits, listener: MachineListener) {
    this.#wasm = wasm;
    this.#limits = limits;
    this.#listener = listener;
    this.#programs = new LoadedPrograms(limits.programs);
  }

  /** Something cut through the engine's own stack: it needs `repair` before the next call. */
  get broken(): boolean {
    return this.#base === undefined;
  }

  /** The most memory that calls came to use, in bytes. */
  get used(): number {
    return this.#used;
  }

  /** After some calls: an engine whose constants changed, by whatever fault of it, is not used again. */
  inspect(): void {
    const base = this.#base;
    if (base !== undefined && !hasItsConstants(base.engine, base.layout)) this.#base = undefined;
  }

  async repair(): Promise<void> {
    this.#polling = undefined;
    this.#programs = new LoadedPrograms(this.#limits.programs);
    const base = await boot(this.#wasm, this.#limits, {
      print: (text) => this.#print(text),
      cancel: (text) => this.#cancel(text),
      reached: (line) => this.#listener.reached(line),
      interrupted: () => this.#interrupted(),
      refused: () => this.#refuse(),
    });
    this.#base = base;
    this.#polling = new Polling(base.engine.words, base.layout.pollWord);
  }

  /** Answers like a call: `u` where the program compiles, else a throw or a stop. */
  compile(program: Program): string {
    return this.#guarded(program, (base) => {
      const loaded = this.#load(base, program);
      return 'callee' in loaded ? { text: 'u', message: '', stack: '' } : loaded;
    });
  }

  /** Calls a program, with a scope as `Realm.run` takes it. */
  call(program: Program, scope: string): string {
    return this.#guarded(program, (base) => {
      const loaded = this.#programs.get(program.key) ?? this.#load(base, program);
      if (!('callee' in loaded)) return loaded;
      loaded.snapshot.restore();
      this.#polling?.start(this.#limits.time);
      return this.#run(base, program, loaded, scope);
    });
  }

  #load(base: Base, program: Program): Loaded | Left {
    this.#polling?.start(this.#limits.time);
    const loaded = loadProgram(base, program);
    if ('callee' in loaded) this.#programs.set(program.key, loaded);
    return loaded;
  }

  /** Whatever cuts through the engine, such as the end of the thread's own stack, costs the engine and ends only this call. */
  #guarded(program: Program, task: (base: Base) => Left): string {
    const base = this.#base;
    if (base === undefined) return threwAnswer('the sandbox is being repaired', undefined);
    this.#verdict = undefined;
    let left: Left;
    try {
      left = task(base);
    } catch (error) {
      this.#base = undefined;
      if (error instanceof RangeError) this.#decide({ kind: 'stopped', reason: 'stack' });
      left = { message: `${error}`, stack: '' };
    }
    const top = base.engine.words[base.layout.topWord] ?? 0;
    this.#used = Math.max(this.#used, top - base.engine.freeStart);
    return this.#conclude(left, program.line);
  }

  #run(base: Base, program: Program, loaded: Loaded, scope: string): Left {
    const { engine, functions, kinds, argv } = base;
    const { ffi, runtime } = engine;
    const kind = kinds[program.kind];
    const text = newText(engine, scope);
    if (text === undefined || kind === undefined) {
      return { message: 'there is no memory for its values', stack: '' };
    }
    const value = call(engine, functions.run, argv, [loaded.callee, kind, text]);
    const left = this.#read(base, value);
    const waiting = left.text === waitingText || ffi.QTS_IsJobPending(runtime) !== 0;
    if (!waiting || this.#verdict !== undefined) return left;
    this.#settle(base);
    if (this.#verdict !== undefined) return left;
    return this.#read(base, call(engine, functions.finish, argv, []));
  }

  #read(base: Base, value: JSValuePointer): Left {
    const { engine, names } = base;
    const error = errorOf(engine, value);
    if (error !== undefined) {
      const stack = memberText(engine, error, names.stack);
      return { stack, message: memberText(engine, error, names.message) };
    }
    const text = textOf(engine, value);
    const [kind] = text;
    if (kind !== 't' && kind !== 's' && kind !== 'm') return { text, message: '', stack: '' };
    if (kind !== 't') this.#decide({ kind: 'stopped', reason: kind === 's' ? 'stack' : 'memory' });
    const [message, stack] = JSON.parse(text.slice(1)) as [string, string];
    return { message, stack };
  }

  /** Promises run on until none has anything left to do: without timers that is soon, or the time is over. */
  #settle({ engine, argv }: Base): void {
    const { ffi, runtime } = engine;
    while (this.#verdict === undefined && ffi.QTS_IsJobPending(runtime) !== 0) {
      // A job may be too short for the engine to ask.
      if (!this.#interrupted()) ffi.QTS_ExecutePendingJob(runtime, 1, argv as never);
    }
  }

  #conclude({ text, message, stack }: Left, firstLine: number): string {
    const verdict = this.#verdict;
    if (verdict === undefined) {
      if (text === undefined) return threwAnswer(message, lineOf(stack, firstLine));
      const { depth } = this.#limits;
      if (!isDeeper(text, depth)) return text;
      return threwAnswer(`its result is nested deeper than ${depth} levels`, undefined);
    }
    switch (verdict.kind) {
      case 'cancelled':
        return cancelledAnswer(verdict.code, verdict.message);
      case 'threw':
        return threwAnswer(verdict.message, lineOf(verdict.stack, firstLine));
      case 'stopped':
        return stoppedAnswer(verdict.reason, lineOf(stack, firstLine));
      default:
        return verdict satisfies never;
    }
  }

  #interrupted(): boolean {
    const polling = this.#polling;
    if (polling === undefined) return false;
    if (!polling.mayGoOn()) this.#decide({ kind: 'stopped', reason: 'time' });
    if (this.#verdict === undefined) {
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
    if (this.#verdict === undefined) this.#listener.print(JSON.parse(text) as string);
  }

  #decide(verdict: Verdict): void {
    this.#verdict ??= verdict;
    this.#polling?.soon();
  }
}

/** What `Realm.run` answers when a promise stands for the result. */
const waitingText = 'p';
