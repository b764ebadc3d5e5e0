import { fail, type ProtocolError } from '@really/protocol';
import type { Log } from '../../platform/log.js';
import type { OnScriptFailure, ScriptFailure, ScriptRefusal } from '../model.js';

/** Maximum log lines per script line, kind of failure, and second. A rule that always throws is evaluated at every push. */
const mostLines = 5;

interface Recent {
  since: number;
  lines: number;
  held: number;
}

/** Logs failures of scripts with script, line and cause, and passes all of them on. */
export function failureLog(options: {
  readonly log: Log;
  readonly now: () => number;
  readonly onScriptFailure?: OnScriptFailure | undefined;
}): OnScriptFailure {
  const recent = new Map<string, Recent>();
  return (where, result) => {
    options.onScriptFailure?.(where, result);
    const now = options.now();
    const key = `${where}:${result.line}:${result.kind}`;
    let state = recent.get(key);
    if (state === undefined || Math.abs(now - state.since) >= 1000) {
      state = { since: now, lines: 0, held: state?.held ?? 0 };
      recent.set(key, state);
    }
    if (state.lines >= mostLines) {
      state.held++;
      return;
    }
    state.lines++;
    const { held } = state;
    state.held = 0;
    const fields = { script: where, line: result.line, reason: failureReason(result) };
    options.log.warn(
      held > 0 ? { ...fields, notLogged: held } : fields,
      `a script of a model failed: ${describeFailure(where, result)}`,
    );
  };
}

/**
 * The error of a command whose script failed. The client gets no details; the log has, under the id of the response,
 * the script, the line and the cause.
 */
export function scriptError(where: string, result: ScriptFailure): ProtocolError {
  const error = fail('internal.server.error');
  error.cause = new ScriptFailed(describeFailure(where, result));
  return error;
}

/** The error of a command whose script did not run because of its owner's earlier or waiting calls. */
export function refusalError({ bound, retryAfter }: ScriptRefusal): ProtocolError {
  return fail.rateLimited(retryAfter, { cmd: [`beyond ${bound}`] });
}

/** The failed script of a model, the line and the cause. */
export class ScriptFailed extends Error {
  override readonly name = 'ScriptFailed';
  constructor(message: string) {
    super(message);
    // The server's own stack is of no interest.
    this.stack = message;
  }
}

function describeFailure(where: string, result: ScriptFailure): string {
  const line = result.line === undefined ? '' : `, line ${result.line}`;
  return `${where}${line}: ${failureReason(result)}`;
}

export function failureReason(result: ScriptFailure): string {
  return result.kind === 'stopped' ? `stopped, out of ${result.reason}` : result.message;
}
