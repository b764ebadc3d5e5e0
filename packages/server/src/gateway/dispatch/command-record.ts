import type { ProtocolError } from '@really/protocol';
import { toProtocolError } from '../../objects/to-protocol-error.js';
import type { Log } from '../../platform/log.js';
import { exampleOf, type Span, type TracedCommand } from '../../platform/tracing.js';
import type { AppDeps } from '../app-deps.js';

export interface RecordedCommand extends TracedCommand {
  readonly uid: string;
}

/** One command in metrics, traces and the log, whichever way it came. */
export class CommandRecord {
  readonly log: Log;
  readonly span: Span | undefined;
  readonly #deps: AppDeps;
  readonly #command: RecordedCommand;
  readonly #began: number;

  constructor(deps: AppDeps, command: RecordedCommand) {
    const { traceId } = command;
    this.#deps = deps;
    this.#command = command;
    this.#began = deps.platform.clock.monotonic();
    this.log = traceId === undefined ? deps.log : deps.log.child({ traceId });
    this.span = deps.tracing?.command(command);
    deps.metrics.inFlight(1);
  }

  errorFor(thrown: unknown): ProtocolError {
    const { cmd, uid, r } = this.#command;
    const { platform } = this.#deps;
    return toProtocolError(thrown, { log: this.log, platform }, { cmd, uid, r });
  }

  /** It is answered. `result`: `ok` or the error code. */
  end(result: string): void {
    const { cmd, traceId, r, uid } = this.#command;
    const { metrics, platform } = this.#deps;
    const ms = platform.clock.monotonic() - this.#began;
    metrics.inFlight(-1);
    metrics.command(cmd, result, ms / 1000, exampleOf(this.span, this.#command));
    // A 5xx is the server's own fault.
    this.span?.end({ 'really.result': result }, result.startsWith('5'));
    // A traceId is given to find the command in the log (rule ENV5).
    if (traceId !== undefined) this.log.info({ cmd, r, uid, result, ms }, 'command answered');
  }
}
