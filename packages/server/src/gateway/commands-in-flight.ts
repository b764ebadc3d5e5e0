import type { Auth, JsonObject, ParsedR, ProtocolError } from '@really/protocol';
import type { AcceptedRevs } from '../commands/accepted-revs.js';
import type { Listener } from '../live/listener.js';
import type { Log } from '../platform/log.js';
import type { Platform } from '../platform/platform.js';
import { exampleOf, type Span, type Tracing } from '../platform/tracing.js';
import { ownerOf } from '../queries/owner.js';
import { answerText, errorText } from './answer.js';
import type { Payer } from './answer-lines.js';
import type { Answers } from './answers.js';
import type { CommandMetrics } from './gateway-metrics.js';
import { type Lane, Lanes, type Ticket } from './lanes.js';
import { toProtocolError } from './to-protocol-error.js';

/** What the gateway looks at of a request that was parsed. */
export interface CommandRequest {
  readonly cmd: string;
  readonly tag: number;
  readonly traceId?: string | undefined;
  readonly target?: ParsedR | undefined;
}

/** What a command knows of who sent it. */
export interface CommandCall {
  readonly auth: Auth;
  readonly listener: Listener;
  readonly traceId: string | undefined;
  /** Where it is traced. */
  readonly span?: Span | undefined;
  readonly log: Log;
  /** Of an update or delete over HTTP. */
  readonly accepted?: AcceptedRevs | undefined;
  /** To be called when what it wrote is on disk, before anybody hears of it: pushes wait until it is answered. */
  readonly written?: (() => void) | undefined;
}

export interface CommandReply {
  /** The response without its tag. */
  readonly body: JsonObject;
  /** Called when the response is queued. */
  readonly afterwards?: (() => void) | undefined;
}

/** The commands, all but those that are the session's own. */
export interface CommandSet<R extends CommandRequest = CommandRequest> {
  parse(
    message: JsonObject,
  ):
    | { readonly ok: true; readonly request: R }
    | { readonly ok: false; readonly error: ProtocolError };
  lanesOf(request: R): readonly Lane[];
  run(call: CommandCall, request: R): Promise<CommandReply>;
}

export interface FlightHost {
  readonly commands: CommandSet;
  readonly answers: Answers;
  readonly metrics: CommandMetrics;
  readonly platform: Platform;
  readonly log: Log;
  readonly tracing?: Tracing | undefined;
}

/** The session whose commands these are. */
export interface FlightOwner extends Listener {
  /** False once the connection is closing: answers go nowhere then. */
  readonly open: boolean;
  answer(text: string): void;
  /** Pays for answers. */
  readonly payer: Payer;
  /** Pushes wait from now on until what it returns is called. */
  holdPushes(): () => void;
  /** One command fewer is in flight. */
  settled(): void;
}

interface Outcome {
  readonly text: string;
  readonly result: string;
  readonly afterwards?: (() => void) | undefined;
}

/** Whether it went wrong by the server's own fault. */
export function isFailure(result: string): boolean {
  return result.startsWith('5');
}

/** The commands that one connection has in flight. Exists only while there are any. */
export class CommandsInFlight {
  readonly #host: FlightHost;
  readonly #owner: FlightOwner;
  readonly #lanes = new Lanes();
  #count = 0;
  #room = 0;
  #held = 0;

  constructor(host: FlightHost, owner: FlightOwner) {
    this.#host = host;
    this.#owner = owner;
  }

  get count(): number {
    return this.#count;
  }

  /** What is set aside for their answers. */
  get room(): number {
    return this.#room;
  }

  /** Bytes of their messages. */
  get held(): number {
    return this.#held;
  }

  /**
   * Runs a command in its lanes and answers it: exactly once, however it ends (rule ENV2). `room` is what
   * its answer may take, `bytes` what its message had.
   */
  run(request: CommandRequest, room: number, bytes = 0): void {
    const lanes = this.#host.commands.lanesOf(request);
    const ticket = lanes.length > 0 ? this.#lanes.enter(lanes) : undefined;
    const began = this.#host.platform.clock.monotonic();
    let release: (() => void) | undefined;
    const written = () => {
      release ??= this.#owner.holdPushes();
    };
    const call = this.#callOf(request, written);
    const { answers } = this.#host;
    const owner = answers.arePricedFor(request.cmd) ? ownerOf(this.#owner) : undefined;
    const perform = () => {
      void this.#perform(call, request, owner).then((outcome) => {
        this.#finish(ticket, () => {
          this.#room -= room;
          this.#held -= bytes;
          this.#conclude(call, request, began, outcome);
          release?.();
        });
        if (owner !== undefined) answers.ended(request.cmd, owner);
      });
    };
    const start = () => {
      if (owner === undefined) perform();
      else answers.begin(request.cmd, owner, this.#owner.payer, perform);
    };
    this.#room += room;
    this.#held += bytes;
    this.#count++;
    this.#host.metrics.inFlight(1);
    if (ticket) ticket.start(start);
    else start();
  }

  /** Answers a refusal in its turn: behind the commands on the same R. */
  refuse(text: string, r: string): void {
    const ticket = this.#lanes.enter([{ r, mode: 'write' }]);
    this.#count++;
    this.#host.metrics.inFlight(1);
    ticket.start(() =>
      this.#finish(ticket, () => {
        this.#answer({ text, result: '' });
      }),
    );
  }

  #callOf({ cmd, traceId, target }: CommandRequest, written: () => void): CommandCall {
    const { tracing } = this.#host;
    const log = traceId === undefined ? this.#host.log : this.#host.log.child({ traceId });
    const span = tracing?.command({ cmd, traceId, r: target?.r });
    return { auth: this.#owner.auth, listener: this.#owner, traceId, span, log, written };
  }

  /** `owner`: whose turn the answer takes, where it is priced. */
  async #perform(
    call: CommandCall,
    request: CommandRequest,
    owner: string | undefined,
  ): Promise<Outcome> {
    try {
      const { body, afterwards } = await this.#host.commands.run(call, request);
      const write = () => (this.#owner.open ? answerText(request.tag, body) : '');
      const { payer } = this.#owner;
      const text =
        owner === undefined
          ? write()
          : await this.#host.answers.write(body, { owner, payer }, write);
      return { text, result: 'ok', afterwards };
    } catch (thrown) {
      const { platform } = this.#host;
      const fields = { cmd: request.cmd, uid: call.auth.uid, r: request.target?.r };
      const error = toProtocolError(thrown, { log: call.log, platform, fields });
      const known = { tag: request.tag, r: request.target?.r };
      return { text: errorText(error, known), result: String(error.code) };
    }
  }

  #finish(ticket: Ticket | undefined, conclude: () => void): void {
    if (ticket) ticket.answer(conclude);
    else conclude();
    // Only now has the ticket left its lanes: what `settled` lets in queues behind nobody.
    this.#owner.settled();
  }

  #conclude(call: CommandCall, request: CommandRequest, began: number, outcome: Outcome): void {
    const ms = this.#host.platform.clock.monotonic() - began;
    const { cmd, traceId, target } = request;
    const trace = exampleOf(call.span, { traceId });
    this.#host.metrics.command(cmd, outcome.result, ms / 1000, trace);
    call.span?.end({ 'really.result': outcome.result }, isFailure(outcome.result));
    if (traceId !== undefined) {
      // Whoever names a command wants to find it in the log again (rule ENV5).
      const { result } = outcome;
      call.log.info({ cmd, r: target?.r, uid: call.auth.uid, result, ms }, 'command answered');
    }
    this.#answer(outcome);
  }

  #answer({ text, afterwards }: Outcome): void {
    this.#count--;
    this.#host.metrics.inFlight(-1);
    if (!this.#owner.open) return;
    this.#owner.answer(text);
    try {
      afterwards?.();
    } catch (error) {
      this.#host.log.error({ err: error }, 'what follows an answer failed');
    }
  }
}
