import type { JsonValue } from '@really/protocol';
import type { HookPause, HookState } from '../hook-state.js';
import type { ScriptResult } from '../model.js';

/**
 * Runs an app's JavaScript: without network, files, timers or access to the server's own objects, within a time and a
 * memory limit, and so that no call leaves anything for the next.
 */
export interface Sandbox {
  /** Compiles the source and stores it under a number for `call`. */
  compile(source: SandboxSource): Promise<SandboxProgram | SandboxSyntaxError>;
  /**
   * Calls of one tick of the event loop are sent together. Never rejects. Owners take turns, and if a script hangs
   * on one owner's data, only that owner's calls wait behind it. The default owner is the server itself.
   */
  call(
    program: SandboxProgram,
    scope: Readonly<Record<string, JsonValue | undefined>>,
    caller?: ScriptCaller | undefined,
  ): Promise<ScriptResult>;
  /** As `call`, for a post hook: executes it up to its end, or up to what is not in the state of its run. */
  advance(
    program: SandboxProgram,
    scope: Readonly<Record<string, JsonValue | undefined>>,
    state: HookState,
    caller?: ScriptCaller | undefined,
  ): Promise<ScriptResult | HookPause>;
  close(): Promise<void>;
}

/** The owner of a call. */
export interface ScriptCaller {
  /** '' is the server itself. */
  readonly owner: string;
  /** The script's arguments come from the owner: one who makes scripts exceed their time again and again is refused for a while. */
  readonly isOwn: boolean;
}

export interface SandboxSource {
  /** For stack traces and logs: `models/users/pre-get.js`. */
  readonly file: string;
  /** The line of `file` on which `source` begins, from 1. */
  readonly line: number;
  /** `expression`: the value of the source. `body`: statements of a function, which may `return`. */
  readonly kind: 'expression' | 'body';
  readonly source: string;
  /** The names of a call's scope. */
  readonly parameters: readonly string[];
}

export interface SandboxProgram {
  readonly kind: 'program';
  readonly id: number;
  readonly source: SandboxSource;
}

export interface SandboxSyntaxError {
  readonly kind: 'syntax-error';
  readonly message: string;
  /** In `file`, from 1. */
  readonly line: number;
  readonly column: number;
}
