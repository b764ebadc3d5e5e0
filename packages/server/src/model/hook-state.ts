import type { JsonValue } from '@really/protocol';

/** A call of `emit(name, data)`, `create(r, body)`, `update(r, changes)` or `remove(r)`, as the script made it: one for each element of a list. */
export type ScriptEffect = readonly [
  kind: 'emit' | 'create' | 'update' | 'remove',
  name: string,
  value: JsonValue,
];

/**
 * What a run of a post hook came to so far (rule HRD1). A script has nothing to wait with: at a read
 * without an answer it is stopped, and executed again from its beginning once there is one. So that it
 * comes to the same place again, time and randomness are those of the run.
 */
export interface HookState {
  /** Of the run: milliseconds since the Unix epoch. */
  readonly now: number;
  /** For `Math.random`: 4 whole numbers of 32 bits. */
  readonly seed: readonly number[];
  /** In the order of the calls. */
  readonly answers: readonly HookAnswer[];
  /** Effects that it asked for, and their characters of JSON: they are not asked for again. */
  readonly effects: number;
  readonly effectChars: number;
  /** Calls of `print`: they are in the log. */
  readonly prints: number;
}

export interface HookAnswer {
  /** JSON of the call: `["get","/users/1"]`. */
  readonly call: string;
  /** JSON of a `HookReply`. */
  readonly reply: string;
}

/** What a call of `get`, `read` or `count` returns, or throws. */
export type HookReply = { readonly value: JsonValue } | { readonly error: HookReadError };

export interface HookReadError {
  readonly code: number;
  readonly message: string;
  /** As in an error of the protocol. */
  readonly errors?: JsonValue | undefined;
}

/** It was stopped before its end: to be executed again with more in its state. */
export interface HookPause {
  readonly kind: 'paused';
  /**
   * The read that it waits for: JSON of its name, then the arguments. Undefined: it hands over its
   * effects.
   */
  readonly call: string | undefined;
  /** The new ones, in the order of its calls. */
  readonly effects: readonly ScriptEffect[];
  readonly effectChars: number;
  readonly prints: number;
}
