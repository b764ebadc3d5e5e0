import type { JSValueConstPointer, JSValuePointer } from 'quickjs-emscripten-core';
import { type Engine, type EngineHost, type EngineLimits, openEngine } from './engine.js';
import { type GuestHost, type GuestLimits, guestRuntime } from './guest-runtime.js';
import { findMemoryLayout, type MemoryLayout } from './memory-layout.js';
import { type Snapshot, takeSnapshot } from './snapshot.js';
import { call, errorOf, evaluate, memberText, newText, textOf } from './values.js';

/** Callbacks of the realm and the engine. None may throw. */
export interface BootHost extends GuestHost, Pick<EngineHost, 'interrupted' | 'refused'> {
  /** A traced program comes to a line of its file. */
  reached(line: number): void;
}

/** An engine with its realm, before any program. Pointers stay valid: each snapshot contains their targets. */
export interface BootedEngine {
  readonly engine: Engine;
  readonly layout: MemoryLayout;
  readonly snapshot: Snapshot;
  /** Room for the pointers to the arguments of a call. */
  readonly argv: number;
  readonly functions: Record<'run' | 'finish' | 'thrown' | 'reached', JSValuePointer>;
  readonly names: Record<'message' | 'stack', JSValuePointer>;
  /** The numbers 0 to 3, by themselves. */
  readonly kinds: readonly JSValuePointer[];
}

const ids = { print: 1, cancel: 2, random: 3, reached: 4, pause: 5 };

export async function boot(
  wasm: WebAssembly.Module,
  limits: EngineLimits & GuestLimits,
  host: BootHost,
): Promise<BootedEngine> {
  let watch: (() => void) | undefined;
  const engine: Engine = await openEngine(wasm, limits, {
    called: (id, argument) => answerCall(engine, host, id, argument),
    interrupted() {
      if (watch === undefined) return host.interrupted();
      watch();
      return false;
    },
    refused: () => host.refused(),
  });
  const layout = findMemoryLayout(engine, (polled) => {
    watch = polled;
  });
  return prepare(engine, layout, limits);
}

function answerCall(
  engine: Engine,
  host: BootHost,
  id: number,
  argument: JSValueConstPointer,
): JSValuePointer | undefined {
  const { ffi, context } = engine;
  if (id === ids.random) return ffi.QTS_NewFloat64(context, host.random());
  if (id === ids.reached) host.reached(ffi.QTS_GetFloat64(context, argument));
  else if (id === ids.print) host.print(textOf(engine, argument));
  else if (id === ids.cancel) host.cancel(textOf(engine, argument));
  else if (id === ids.pause) host.pause(textOf(engine, argument));
  return undefined;
}

function prepare(engine: Engine, layout: MemoryLayout, limits: GuestLimits): BootedEngine {
  const { ffi, context } = engine;
  assertUtc(engine);
  const argv = engine.malloc(16 * 4);
  const hostFunction = (id: keyof typeof ids) =>
    ffi.QTS_NewFunction(context, id, 1, false, ids[id] as never);
  const make = sure(engine, evaluate(engine, guestRuntimeText(limits), 'realm'));
  const host = (['print', 'cancel', 'random', 'pause'] as const).map(hostFunction);
  const made = sure(engine, call(engine, make, argv, host));
  const member = (name: string) =>
    sure(engine, ffi.QTS_GetProp(context, made, sure(engine, newText(engine, name))));
  const functions = {
    run: member('run'),
    finish: member('finish'),
    thrown: member('thrown'),
    reached: hostFunction('reached'),
  };
  const names = {
    message: sure(engine, newText(engine, 'message')),
    stack: sure(engine, newText(engine, 'stack')),
  };
  const kinds = [0, 1, 2, 3].map((kind) => ffi.QTS_NewFloat64(context, kind));
  const snapshot = takeSnapshot(engine, layout);
  return { engine, layout, snapshot, argv, functions, names, kinds };
}

/** A build that gets the local time in another way would see the time zone of the machine. */
function assertUtc(engine: Engine): void {
  sure(engine, evaluate(engine, 'new Date(0).getTimezoneOffset()', 'realm'));
  if (!engine.clock.wasAsked) {
    throw new Error('this build of QuickJS is not known: it does not ask for the local time');
  }
}

function guestRuntimeText(limits: GuestLimits): string {
  return `'use strict'; (function (print, cancel, random, pause) {
    return (${guestRuntime.toString()})({ print, cancel, random, pause }, ${JSON.stringify(limits)});
  })`;
}

function sure(engine: Engine, value: JSValuePointer | undefined): JSValuePointer {
  if (value === undefined) throw new Error('the sandbox has no memory for its realm');
  const error = errorOf(engine, value);
  if (error === undefined) return value;
  const message = newText(engine, 'message');
  throw new Error(`the realm: ${message === undefined ? '' : memberText(engine, error, message)}`);
}
