import type { JsonValue } from '@really/protocol';
import type { ScriptResult } from '../model.js';

/**
 * Runs JavaScript that an app wrote: without network, files, timers or a way to the server's own
 * objects, within a time and a memory limit, and so that no call leaves anything for the next.
 */
export interface Sandbox {
  /** Checks that the source compiles and keeps it under a number for `call`. */
  compile(source: SandboxSource): Promise<SandboxProgram | SandboxSyntaxError>;
  /**
   * Calls of one turn of the event loop travel together. Never rejects. Those who ask take turns, and where a script hangs
   * on what one asker sends, only the calls of that asker wait behind it. By default the `uid` of the scope's `auth` asks.
   */
  call(
    program: SandboxProgram,
    scope: Readonly<Record<string, JsonValue | undefined>>,
    asking?: Asking | undefined,
  ): Promise<ScriptResult>;
  close(): Promise<void>;
}

/** Who asks for a call. */
export interface Asking {
  /** '' is the server itself. */
  readonly asker: string;
  /** What the script is given is of the asker's making: who makes scripts run over again and again so is refused for a while. */
  readonly isOwn: boolean;
}

export interface SandboxSource {
  /** For stack traces and logs: `models/users/pre-get.js`. */
  readonly file: string;
  /** The line of `file` on which `source` begins, from 1. */
  readonly line: number;
  /** `expression`: the value of the source. `body`: statements of a function, which may `return`. `function`: an expression that is a function, called with `parameters` in order. */
  readonly kind: 'expression' | 'body' | 'function';
  readonly source: string;
  /** The names that a call's scope brings. */
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
