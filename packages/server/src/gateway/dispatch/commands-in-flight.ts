import type { Auth, JsonObject, ParsedR, ProtocolError } from '@really/protocol';
import type { AcceptedRevs } from '../../commands/write/accepted-revs.js';
import type { PushTarget } from '../../live/push-target.js';
import type { Log } from '../../platform/log.js';
import type { Platform } from '../../platform/platform.js';
import { exampleOf, type Span, type Tracing } from '../../platform/tracing.js';
import { ownerOf } from '../../queries/owner.js';
import type { CommandMetrics } from '../gateway-metrics.js';
import { errorText, responseText } from '../websocket/response.js';
import { CommandOrder, type OrderKey, type Ticket } from './command-order.js';
import type { Payer } from './owner-queues.js';
import type { PricedResponses } from './priced-responses.js';
import { toProtocolError } from './to-protocol-error.js';

/** The part of a parsed request that the gateway uses. */
export interface CommandRequest {
  readonly cmd: string;
  readonly tag: number;
  readonly traceId?: string | undefined;
  readonly target?: ParsedR | undefined;
}

/** The context of a command. */
export interface CommandCall {
  readonly auth: Auth;
  readonly pushTarget: PushTarget;
  readonly traceId: string | undefined;
  /** Its trace span. */
  readonly span?: Span | undefined;
  readonly log: Log;
  /** Of an update or delete over HTTP. */
  readonly acceptedRevs?: AcceptedRevs | undefined;
  /**
   * To be called when the write is on disk and before anything is pushed: pushes are held until the
   * command is answered.
   */
  readonly onWritten?: (() => void) | undefined;
}

export interface CommandReply {
  /** The response without its tag. */
  readonly body: JsonObject;
  /** Called when the response is queued. */
  readonly afterwards?: (() => void) | undefined;
}

/** The commands, except those that the session handles itself. */
export interface CommandSet<R extends CommandRequest = CommandRequest> {
  parse(
    message: JsonObject,
  ):
    | { readonly ok: true; readonly request: R }
    | { readonly ok: false; readonly error: ProtocolError };
  orderKeysOf(request: R): readonly OrderKey[];
  run(call: CommandCall, request: R): Promise<CommandReply>;
}

export interface CommandsInFlightDeps {
  readonly commands: CommandSet;
  readonly pricedResponses: PricedResponses;
  readonly metrics: CommandMetrics;
  readonly platform: Platform;
  readonly log: Log;
  readonly tracing?: Tracing | undefined;
}

/** The session that the commands belong to. */
export interface InFlightOwner extends PushTarget {
  /** False once the connection is closing: responses are dropped then. */
  readonly open: boolean;
  respond(text: string): void;
  /** Pays for responses. */
  readonly payer: Payer;
  /** Holds pushes until the returned function is called. */
  holdPushes(): () => void;
  /** A command has ended. */
  onSettled(): void;
}

interface Outcome {
  readonly text: string;
  readonly result: string;
  readonly afterwards?: (() => void) | undefined;
}

/** True if the error is the server's fault. */
export function isFailure(result: string): boolean {
  return result.startsWith('5');
}

/** The commands that one connection has in flight. Exists only while there are any. */
export class CommandsInFlight {
  readonly #deps: CommandsInFlightDeps;
  readonly #owner: InFlightOwner;
  readonly #order = new CommandOrder();
  #count = 0;
  #reserved = 0;
  #held = 0;

  constructor(deps: CommandsInFlightDeps, owner: InFlightOwner) {
    this.#deps = deps;
    this.#owner = owner;
  }

  get count(): number {
    return this.#count;
  }

  /** Output bytes reserved for their responses. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Bytes of their messages. */
  get held(): number {
    return this.#held;
  }

  /**
   * Runs a command in order and answers it exactly once, however it ends (rule ENV2). `reserved`:
   * output bytes for its response. `bytes`: size of its message.
   */
  run(request: CommandRequest, reserved: number, bytes = 0): void {
    const keys = this.#deps.commands.orderKeysOf(request);
    const ticket = keys.length > 0 ? this.#order.enter(keys) : undefined;
    const began = this.#deps.platform.clock.monotonic();
    let release: (() => void) | undefined;
    const onWritten = () => {
      release ??= this.#owner.holdPushes();
    };
    const call = this.#callOf(request, onWritten);
    const { pricedResponses } = this.#deps;
    const owner = pricedResponses.isPriced(request.cmd) ? ownerOf(this.#owner) : undefined;
    const perform = () => {
      void this.#perform(call, request, owner).then((outcome) => {
        this.#finish(ticket, () => {
          this.#reserved -= reserved;
          this.#held -= bytes;
          this.#conclude(call, request, began, outcome);
          release?.();
        });
        if (owner !== undefined) pricedResponses.ended(request.cmd, owner);
      });
    };
    const start = () => {
      if (owner === undefined) perform();
      else pricedResponses.begin(request.cmd, owner, this.#owner.payer, perform);
    };
    this.#reserved += reserved;
    this.#held += bytes;
    this.#count++;
    this.#deps.metrics.inFlight(1);
    if (ticket) ticket.start(start);
    else start();
  }

  /** Sends a refusal in order: after the responses to earlier commands on the same R. */
  refuse(text: string, r: string): void {
    const ticket = this.#order.enter([{ r, mode: 'write' }]);
    this.#count++;
    this.#deps.metrics.inFlight(1);
    ticket.start(() =>
      this.#finish(ticket, () => {
        this.#respond({ text, result: '' });
      }),
    );
  }

  #callOf({ cmd, traceId, target }: CommandRequest, onWritten: () => void): CommandCall {
    const { tracing } = this.#deps;
    const log = traceId === undefined ? this.#deps.log : this.#deps.log.child({ traceId });
    const span = tracing?.command({ cmd, traceId, r: target?.r });
    return { auth: this.#owner.auth, pushTarget: this.#owner, traceId, span, log, onWritten };
  }

  /** `owner`: queue for a priced response. */
  async #perform(
    call: CommandCall,
    request: CommandRequest,
    owner: string | undefined,
  ): Promise<Outcome> {
    try {
      const { body, afterwards } = await this.#deps.commands.run(call, request);
      const write = () => (this.#owner.open ? responseText(request.tag, body) : '');
      const { payer } = this.#owner;
      const text =
        owner === undefined
          ? write()
          : await this.#deps.pricedResponses.write(body, { owner, payer }, write);
      return { text, result: 'ok', afterwards };
    } catch (thrown) {
      const { platform } = this.#deps;
      const fields = { cmd: request.cmd, uid: call.auth.uid, r: request.target?.r };
      const error = toProtocolError(thrown, { log: call.log, platform, fields });
      const known = { tag: request.tag, r: request.target?.r };
      return { text: errorText(error, known), result: String(error.code) };
    }
  }

  #finish(ticket: Ticket | undefined, conclude: () => void): void {
    if (ticket) ticket.respond(conclude);
    else conclude();
    // The ticket has left its queues by now, so commands admitted by `onSettled` do not wait for
    // it.
    this.#owner.onSettled();
  }

  #conclude(call: CommandCall, request: CommandRequest, began: number, outcome: Outcome): void {
    const ms = this.#deps.platform.clock.monotonic() - began;
    const { cmd, traceId, target } = request;
    const trace = exampleOf(call.span, { traceId });
    this.#deps.metrics.command(cmd, outcome.result, ms / 1000, trace);
    call.span?.end({ 'really.result': outcome.result }, isFailure(outcome.result));
    if (traceId !== undefined) {
      // A traceId is given to find the command in the log (rule ENV5).
      const { result } = outcome;
      call.log.info({ cmd, r: target?.r, uid: call.auth.uid, result, ms }, 'command answered');
    }
    this.#respond(outcome);
  }

  #respond({ text, afterwards }: Outcome): void {
    this.#count--;
    this.#deps.metrics.inFlight(-1);
    if (!this.#owner.open) return;
    this.#owner.respond(text);
    try {
      afterwards?.();
    } catch (error) {
      this.#deps.log.error({ err: error }, 'a callback after a response failed');
    }
  }
}
