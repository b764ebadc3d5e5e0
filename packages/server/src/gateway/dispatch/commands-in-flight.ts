import { fail, type JsonObject } from '@really/protocol';
import type { PushTarget } from '../../live/push-target.js';
import { ownerOf } from '../../queries/owner.js';
import type { AppDeps } from '../app-deps.js';
import { errorText, responseText } from '../websocket/response.js';
import { CommandOrder, type Ticket } from './command-order.js';
import { CommandRecord } from './command-record.js';
import type { CommandCall, CommandRequest } from './command-set.js';
import type { Payer } from './owner-queues.js';

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

/** Approximate memory of a command beside its message, until it is answered. Measured: 3 to 7 KiB. */
const perCommand = 4096;

interface Response {
  readonly text: string;
  readonly afterwards?: (() => void) | undefined;
}

interface Outcome extends Response {
  /** `ok` or the error code. */
  readonly result: string;
}

interface Command {
  readonly request: CommandRequest;
  readonly call: CommandCall;
  readonly record: CommandRecord;
  readonly ticket: Ticket | undefined;
  /** Queue for a priced response. */
  readonly owner: string | undefined;
  /** Output bytes for its response. */
  readonly reserved: number;
  /** What it takes with its message. */
  readonly bytes: number;
  /** Releases the pushes that wait for its response. */
  release: (() => void) | undefined;
}

/** The commands that one connection has in flight. Exists only while there are any. */
export class CommandsInFlight {
  readonly #deps: AppDeps;
  readonly #owner: InFlightOwner;
  readonly #order = new CommandOrder();
  /** Commands that wait for their owner's turn, each with a function that removes it from there. */
  readonly #queued = new Map<Command, () => boolean>();
  #count = 0;
  #reserved = 0;
  #held = 0;

  constructor(deps: AppDeps, owner: InFlightOwner) {
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

  /** Approximate bytes that they take with their messages. */
  get held(): number {
    return this.#held;
  }

  /**
   * Runs a command in order and answers it exactly once, however it ends (rule ENV2). `reserved`:
   * output bytes for its response. `bytes`: memory of its message.
   */
  run(request: CommandRequest, reserved: number, bytes = 0): void {
    const keys = this.#deps.commands.orderKeysOf(request);
    const ticket = keys.length > 0 ? this.#order.enter(keys) : undefined;
    const { cmd, traceId, target } = request;
    const { auth } = this.#owner;
    const record = new CommandRecord(this.#deps, { cmd, traceId, r: target?.r, uid: auth.uid });
    const { span } = record;
    const onWritten = () => {
      command.release ??= this.#owner.holdPushes();
    };
    const call = { auth, pushTarget: this.#owner, traceId, span, onWritten };
    const { pricedResponses } = this.#deps;
    const owner = pricedResponses.isPriced(cmd) ? ownerOf(this.#owner) : undefined;
    const command: Command = {
      request,
      call,
      record,
      ticket,
      owner,
      reserved,
      bytes: bytes + perCommand,
      release: undefined,
    };
    const start = () => this.#start(command);
    this.#reserved += reserved;
    this.#held += command.bytes;
    this.#count++;
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
        this.#deps.metrics.inFlight(-1);
        this.#respond({ text });
      }),
    );
  }

  /** The client is gone: commands that wait for their owner's turn only read for it, and end. */
  abandon(): void {
    for (const [command, remove] of this.#queued) {
      this.#queued.delete(command);
      if (remove()) this.#end(command, this.#failed(command, fail('server.unavailable')));
    }
  }

  #start(command: Command): void {
    const { owner } = command;
    if (owner === undefined) void this.#perform(command);
    else if (this.#owner.open) this.#queue(command, owner);
    else this.#end(command, this.#failed(command, fail('server.unavailable')));
  }

  #queue(command: Command, owner: string): void {
    const { pricedResponses } = this.#deps;
    const { request, call } = command;
    const by = { owner, uid: call.auth.uid, payer: this.#owner.payer };
    let hasBegun = false;
    const remove = pricedResponses.begin(request.cmd, by, () => {
      hasBegun = true;
      this.#queued.delete(command);
      void this.#perform(command);
    });
    if (!hasBegun) this.#queued.set(command, remove);
  }

  async #perform(command: Command): Promise<void> {
    const { request, owner } = command;
    const { tag } = request;
    let outcome: Outcome;
    try {
      const { body, afterwards } = await this.#deps.commands.run(command.call, request);
      const text =
        owner === undefined ? this.#textOf(tag, body) : await this.#pricedText(tag, body, owner);
      outcome = { text: text ?? '', result: 'ok', afterwards };
    } catch (thrown) {
      outcome = this.#failed(command, thrown);
    }
    this.#end(command, outcome);
    if (owner !== undefined) this.#deps.pricedResponses.ended(request.cmd, owner);
  }

  #failed({ record, request: { tag, target } }: Command, thrown: unknown): Outcome {
    const error = record.errorFor(thrown);
    return { text: errorText(error, { tag, r: target?.r }), result: String(error.code) };
  }

  /** `undefined` if nobody takes it any more. */
  #textOf(tag: number, body: JsonObject): string | undefined {
    return this.#owner.open ? responseText(tag, body) : undefined;
  }

  #pricedText(tag: number, body: JsonObject, owner: string): Promise<string> {
    const { payer } = this.#owner;
    const write = () => this.#textOf(tag, body);
    return this.#deps.pricedResponses.write(body, { owner, payer }, write);
  }

  #end(command: Command, outcome: Outcome): void {
    const { record, ticket } = command;
    this.#finish(ticket, () => {
      this.#reserved -= command.reserved;
      this.#held -= command.bytes;
      record.end(outcome.result);
      this.#respond(outcome);
      command.release?.();
    });
  }

  #finish(ticket: Ticket | undefined, conclude: () => void): void {
    if (ticket) ticket.respond(conclude);
    else conclude();
    // The ticket has left its queues by now, so commands admitted by `onSettled` do not wait for
    // it.
    this.#owner.onSettled();
  }

  #respond({ text, afterwards }: Response): void {
    this.#count--;
    if (!this.#owner.open) return;
    this.#owner.respond(text);
    try {
      afterwards?.();
    } catch (error) {
      this.#deps.log.error({ err: error }, 'a callback after a response failed');
    }
  }
}
