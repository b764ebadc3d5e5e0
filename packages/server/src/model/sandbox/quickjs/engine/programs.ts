import type { JSValuePointer } from 'quickjs-emscripten-core';
import type { BootedEngine } from './boot.js';
import { type Snapshot, takeSnapshot } from './snapshot.js';
import { call, errorOf, evaluate, memberText } from './values.js';

/** A program as passed to the engine. */
export interface Program {
  /** Each text has a key of its own. */
  readonly key: number;
  /** A function that makes the program: see `program-text.ts`. */
  readonly text: string;
  /** Whether the first value of its scope is its `this`. */
  readonly hasThis: boolean;
  /** The line of its file on which it begins. */
  readonly line: number;
}

/** A program compiled, with the engine as it was then. */
export interface LoadedProgram {
  readonly snapshot: Snapshot;
  readonly callee: JSValuePointer;
}

/** The file name of an app's source inside the engine, as in stack traces; our own sources have others. */
const scriptFile = 'script';
/** The line of `scriptFile` on which the app's source begins: one of our own stands before it. */
export const firstSourceLine = 2;

const place = new RegExp(`\\b${scriptFile}:(\\d+)`);

/** The innermost line of an app's source in a stack trace, counted in its file. */
export function lineOf(stack: string, firstLine: number): number | undefined {
  const line = Number(place.exec(stack)?.[1]);
  return line >= firstSourceLine ? firstLine + line - firstSourceLine : undefined;
}

/** How a call or a compilation ended in the engine. */
export interface EngineEnd {
  /** What `Realm.run` answered; undefined where the engine threw. */
  readonly text?: string;
  readonly message?: string;
  readonly stack?: string;
}

/** Compiles into a fresh realm. */
export function loadProgram(base: BootedEngine, program: Program): LoadedProgram | EngineEnd {
  const { engine, layout, argv, functions } = base;
  base.snapshot.restore();
  const make = evaluate(engine, program.text, scriptFile);
  if (make === undefined) return { message: 'it is too long' };
  const wrong = errorOf(engine, make);
  if (wrong !== undefined) return errorEnd(base, wrong);
  const callee = call(engine, make, argv, [functions.thrown, functions.reached]);
  const failed = errorOf(engine, callee);
  if (failed !== undefined) return errorEnd(base, failed);
  return { callee, snapshot: takeSnapshot(engine, layout) };
}

export function errorEnd({ engine, names }: BootedEngine, error: JSValuePointer): EngineEnd {
  const stack = memberText(engine, error, names.stack);
  return { stack, message: memberText(engine, error, names.message) };
}

/** Compiled programs, up to a number of bytes; the least recently called are dropped first. */
export class LoadedPrograms {
  readonly #mostBytes: number;
  readonly #loaded = new Map<number, LoadedProgram>();
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get(key: number): LoadedProgram | undefined {
    const loaded = this.#loaded.get(key);
    if (loaded === undefined) return undefined;
    this.#loaded.delete(key);
    this.#loaded.set(key, loaded);
    return loaded;
  }

  set(key: number, loaded: LoadedProgram): void {
    this.#loaded.set(key, loaded);
    this.#bytes += loaded.snapshot.size;
    for (const [oldest, { snapshot }] of this.#loaded) {
      if (this.#bytes <= this.#mostBytes || oldest === key) break;
      this.#loaded.delete(oldest);
      this.#bytes -= snapshot.size;
    }
  }
}
