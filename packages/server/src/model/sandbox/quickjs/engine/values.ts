import type { JSValueConstPointer, JSValuePointer } from 'quickjs-emscripten-core';
import type { Engine } from './engine.js';

/** Creates a string in the engine. It may not contain U+0000: texts that may are sent as JSON. Undefined if memory runs out. */
export function newText(engine: Engine, text: string): JSValuePointer | undefined {
  const { ffi, context } = engine;
  return withBytes(engine, text, (pointer) => ffi.QTS_NewString(context, pointer));
}

/** The text of a value. Nothing is freed: the next call starts from a snapshot. */
export function textOf(
  { bytes, ffi, context }: Engine,
  value: JSValuePointer | JSValueConstPointer,
): string {
  const start: number = ffi.QTS_GetString(context, value);
  if (start === 0) return '';
  return bytes.toString('utf8', start, bytes.indexOf(0, start));
}

/** The text of a member that is a text, without running any code of a script where it is plain data. */
export function memberText(engine: Engine, value: JSValuePointer, name: JSValuePointer): string {
  const { ffi, context } = engine;
  const member = ffi.QTS_GetProp(context, value, name);
  if (ffi.QTS_ResolveException(context, member) !== 0) return '';
  return textOf(engine, member);
}

/** The error that a call ended with, if it did. */
export function errorOf(
  { ffi, context }: Engine,
  value: JSValuePointer,
): JSValuePointer | undefined {
  const error: number = ffi.QTS_ResolveException(context, value);
  return error === 0 ? undefined : (error as JSValuePointer);
}

/** Calls a function of the engine; the pointers to its arguments stand in `argv`, which has room for them. */
export function call(
  { ffi, context, words }: Engine,
  callee: JSValuePointer,
  argv: number,
  values: readonly JSValuePointer[],
): JSValuePointer {
  for (const [index, value] of values.entries()) words[(argv >> 2) + index] = value;
  return ffi.QTS_Call(context, callee, ffi.QTS_GetUndefined(), values.length, argv as never);
}

/** Evaluates a text as a script; like `call`, it may answer with an exception. */
export function evaluate(engine: Engine, text: string, file: string): JSValuePointer | undefined {
  const { ffi, context } = engine;
  return withBytes(engine, text, (pointer, length) => {
    return ffi.QTS_Eval(context, pointer, length, file, 0 as never, 0 as never);
  });
}

/** Has the text in the engine's memory, with a zero behind it, while `use` runs. Undefined if memory runs out. */
function withBytes(
  engine: Engine,
  text: string,
  use: (pointer: never, length: number) => JSValuePointer,
): JSValuePointer | undefined {
  const { bytes } = engine;
  const length = Buffer.byteLength(text);
  const pointer = engine.malloc(length + 1);
  if (pointer === 0) return undefined;
  bytes.write(text, pointer, length, 'utf8');
  bytes[pointer + length] = 0;
  const value = use(pointer as never, length);
  engine.free(pointer);
  return value;
}
