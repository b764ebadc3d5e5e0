import type { JsonObject } from '@really/protocol';
import type { AcceptedRevs } from '../../../commands/write/accepted-revs.js';
import type { PushTarget } from '../../../live/push-target.js';
import type { Log } from '../../../platform/log.js';
import type { Platform } from '../../../platform/platform.js';
import { exampleOf, type Tracing } from '../../../platform/tracing.js';
import {
  type CommandReply,
  type CommandRequest,
  type CommandSet,
  isFailure,
} from '../../dispatch/commands-in-flight.js';
import { toProtocolError } from '../../dispatch/to-protocol-error.js';
import type { CommandMetrics } from '../../gateway-metrics.js';
import type { TraceHeaders } from './trace-id.js';

export interface HttpCommandsOptions {
  readonly commands: CommandSet;
  readonly metrics: CommandMetrics;
  readonly log: Log;
  readonly platform: Platform;
  readonly tracing?: Tracing | undefined;
}

/** Details of a command from headers. */
export interface CommandDetails extends TraceHeaders {
  readonly accepted?: AcceptedRevs | undefined;
}

/** Runs commands that came over HTTP: counted, logged and traced like those over WebSocket. */
export class HttpCommands {
  readonly #options: HttpCommandsOptions;

  constructor(options: HttpCommandsOptions) {
    this.#options = options;
  }

  /** Always rejects with a `ProtocolError`. */
  async run(
    message: JsonObject,
    listener: PushTarget,
    { accepted, ...traced }: CommandDetails,
  ): Promise<CommandReply> {
    const { traceId } = traced;
    const request = this.#parse(traceId === undefined ? message : { ...message, traceId });
    const { commands, metrics, platform, tracing } = this.#options;
    const { cmd, target } = request;
    const { auth } = listener;
    const log = traceId === undefined ? this.#options.log : this.#options.log.child({ traceId });
    const span = tracing?.command({ cmd, r: target?.r, ...traced });
    const began = platform.clock.monotonic();
    metrics.inFlight(1);
    const finished = (result: string) => {
      const ms = platform.clock.monotonic() - began;
      metrics.inFlight(-1);
      metrics.command(cmd, result, ms / 1000, exampleOf(span, traced));
      span?.end({ 'really.result': result }, isFailure(result));
      if (traceId === undefined) return;
      log.info({ cmd, r: target?.r, uid: auth.uid, result, ms }, 'command answered');
    };
    try {
      const reply = await commands.run(
        { auth, pushTarget: listener, traceId, span, log, acceptedRevs: accepted },
        request,
      );
      finished('ok');
      return reply;
    } catch (thrown) {
      const fields = { cmd, uid: auth.uid, r: target?.r };
      const error = toProtocolError(thrown, { log, platform, fields });
      finished(String(error.code));
      throw error;
    }
  }

  #parse(message: JsonObject): CommandRequest {
    const { commands, metrics } = this.#options;
    const parsed = commands.parse({ ...message, tag: 0 });
    if (parsed.ok) return parsed.request;
    metrics.command('invalid', String(parsed.error.code), 0);
    throw parsed.error;
  }
}
