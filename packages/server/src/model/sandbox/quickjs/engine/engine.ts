import quickjs from '@jitl/quickjs-wasmfile-release-sync';
import {
  type EmscriptenModuleLoaderOptions,
  IntrinsicsFlags,
  type JSContextPointer,
  type JSRuntimePointer,
  type JSValueConstPointer,
  type JSValuePointer,
  type QuickJSEmscriptenModule,
  type QuickJSSyncVariant,
} from 'quickjs-emscripten-core';
import { pageBytes } from './webassembly.js';

/** Callbacks of the engine while a script runs. None may throw: that would unwind the engine's stack. */
export interface EngineHost {
  /** A function of the host was called from a script, with this argument. */
  called(id: number, argument: JSValueConstPointer): JSValuePointer | undefined;
  /** Called every some steps. Returning true ends the script; no script can catch that. */
  interrupted(): boolean;
  /** More memory was asked for than there is. */
  refused(): void;
}

export interface EngineLimits {
  /** Bytes that a script may use. */
  readonly memory: number;
  /** Bytes of the engine's own stack. */
  readonly stack: number;
}

type Ffi = InstanceType<Awaited<ReturnType<QuickJSSyncVariant['importFFI']>>>;

/** One QuickJS in one WebAssembly memory of fixed size, and a realm in it. */
export interface Engine {
  readonly ffi: Ffi;
  readonly runtime: JSRuntimePointer;
  readonly context: JSContextPointer;
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly clock: { readonly wasAsked: boolean };
  /** Start of the engine's heap: below are its stack and, at the bottom, its static data. */
  readonly heapStart: number;
  /** Start of the heap for scripts. */
  readonly freeStart: number;
  /** The static data as it was before anything ran. */
  readonly unused: Buffer;
  malloc(size: number): number;
  free(pointer: number): void;
}

/** How this build of QuickJS was linked. `memory-layout.ts` makes sure of it. */
export const linkedStackBytes = 5 * 1024 * 1024;
/** The least memory with which this build can be instantiated. */
const leastPages = 256;
/** Room for what the engine itself holds: its realm, and the program. */
const engineBytes = 512 * 1024;

const intrinsics = [
  ...['BaseObjects', 'Date', 'Eval', 'StringNormalize', 'RegExp', 'JSON', 'Proxy'],
  ...['MapSet', 'TypedArrays', 'Promise', 'BigInt'],
] as (keyof typeof IntrinsicsFlags)[];

/**
 * Starts an engine. Its memory has its full size from the start, so that `grow` is called only for
 * what is beyond the limit; pages that no script touched cost nothing.
 */
export async function openEngine(
  wasm: WebAssembly.Module,
  limits: EngineLimits,
  host: EngineHost,
): Promise<Engine> {
  const memory = fixedMemory(limits, host);
  const words = new Int32Array(memory.buffer);
  const clock = utcClock(words);
  const module = await loadModule(wasm, memory, clock);
  const Ffi = await variant.importFFI();
  const ffi = new Ffi(module);
  answerCalls(module, ffi, host);
  const bytes = Buffer.from(memory.buffer);
  const heapStart = module._malloc(16);
  const unused = Buffer.from(bytes.subarray(0, Math.max(0, heapStart - linkedStackBytes)));
  const ballast = memory.buffer.byteLength - heapStart - engineBytes - limits.memory;
  const freeStart = ballast > pageBytes ? module._malloc(ballast) + ballast : heapStart;
  const runtime = ffi.QTS_NewRuntime();
  ffi.QTS_RuntimeSetMaxStackSize(runtime, limits.stack);
  ffi.QTS_RuntimeEnableInterruptHandler(runtime);
  const flags = intrinsics.reduce((all, name) => all | IntrinsicsFlags[name], 0);
  const context = ffi.QTS_NewContext(runtime, flags as Parameters<Ffi['QTS_NewContext']>[1]);
  return {
    ffi,
    runtime,
    context,
    bytes,
    words,
    clock,
    heapStart,
    freeStart,
    unused,
    malloc: module._malloc,
    free: module._free,
  };
}

function fixedMemory(limits: EngineLimits, host: EngineHost): WebAssembly.Memory {
  const needed = linkedStackBytes + 128 * 1024 + engineBytes + limits.memory;
  const pages = Math.max(leastPages, Math.ceil(needed / pageBytes));
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  memory.grow = () => {
    host.refused();
    throw new RangeError('the memory of a script has a fixed size');
  };
  return memory;
}

/** Scripts see UTC, whatever the time zone of the machine: their results are stored, and have to be the same on every machine. */
function utcClock(words: Int32Array) {
  const clock = {
    wasAsked: false,
    /** C's `localtime_r`. Of the ten members of a `struct tm` the engine reads one, the offset from UTC. */
    localTime(_seconds: bigint, struct: number): void {
      clock.wasAsked = true;
      words.fill(0, struct >> 2, (struct >> 2) + 10);
    },
  };
  return clock;
}

/** What this build of the engine imports `localtime_r` as: its names were made short. `boot.ts` makes sure of it. */
const localTimeImport = 'm';

async function loadModule(
  wasm: WebAssembly.Module,
  wasmMemory: WebAssembly.Memory,
  clock: ReturnType<typeof utcClock>,
): Promise<QuickJSEmscriptenModule> {
  const load = unwrapped<ModuleLoader>(await variant.importModuleLoader());
  return load({
    wasmMemory,
    // Its output has nothing that an error does not have.
    print() {},
    printErr() {},
    async instantiateWasm(
      imports: WebAssembly.Imports,
      onSuccess: (instance: WebAssembly.Instance) => void,
    ) {
      const [module = ''] = Object.keys(imports);
      const utc = { ...imports[module], [localTimeImport]: clock.localTime };
      const instance = await WebAssembly.instantiate(wasm, { ...imports, [module]: utc });
      onSuccess(instance);
      return instance.exports;
    },
  } as LoaderOptions);
}

type LoaderOptions = EmscriptenModuleLoaderOptions & {
  readonly print: () => void;
  readonly printErr: () => void;
};
type ModuleLoader = (options: LoaderOptions) => Promise<QuickJSEmscriptenModule>;

/** The packages say to TypeScript that they are CommonJS, and to Node that they are not, or the other way round. */
const variant = unwrapped<QuickJSSyncVariant>(quickjs);

function unwrapped<T>(module: unknown): T {
  const { default: inner } = module as { readonly default?: unknown };
  return inner === undefined ? (module as T) : unwrapped<T>(inner);
}

function answerCalls(module: QuickJSEmscriptenModule, ffi: Ffi, host: EngineHost): void {
  const nothing = 0 as JSValuePointer;
  module.callbacks = {
    callFunction: (_asyncify, _context, _self, _count, argv, id) =>
      host.called(id, ffi.QTS_ArgvGetJSValueConstPointer(argv, 0)) ?? nothing,
    shouldInterrupt: () => (host.interrupted() ? 1 : 0),
    // There are no modules: the engine fails an `import()` with an error.
    loadModuleSource: () => 0 as never,
    normalizeModule: () => 0 as never,
    freeHostRef() {},
  };
}
