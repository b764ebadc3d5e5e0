import type { Socket } from 'node:net';
import { closeCodes, fail } from '@really/protocol';
import type { Deadlines } from '../platform/deadlines.js';
import type { Timer } from '../platform/platform.js';
import { errorText, fixedFrames, pongFrame } from './answer.js';
import type { ClientSocket, SocketEvents } from './client-socket.js';
import { deflatedFrame } from './deflated-frames.js';
import type { Egress } from './egress.js';
import type { GatewayMetrics } from './gateway-metrics.js';
import type { InputSharer, InputTurn } from './input-turn.js';
import { Intake } from './intake.js';
import type { IntakeRates } from './intake-rates.js';
import { Outlet, type OutletOwner } from './outlet.js';
import { type ParsedMessage, parseMessage, type Shape } from './parse-message.js';
import { Session } from './session.js';
import type { SessionHost, SessionSocket } from './session-host.js';
import type { TurnShare } from './turn-share.js';
import { type InputHolder, perPiece, type UnreadInput, worthCounting } from './unread-input.js';

/** What all connections of a gateway share. */
export interface ConnectionHost extends SessionHost {
  readonly egress: Egress;
  readonly metrics: GatewayMetrics;
  readonly turn: TurnShare;
  readonly input: InputTurn;
  readonly unread: UnreadInput;
  readonly intakes: IntakeRates;
  /** Of the monotonic clock: calls `roomy` of the connection that is its key. */
  readonly rooms: Pick<Deadlines, 'set' | 'clear'>;
  /** Bytes of a message before it is initialized. */
  readonly greeting: number;
  /** Of the monotonic clock: silence, and time to initialize. Calls `due` of the connection that is its key. */
  readonly silences: Pick<Deadlines, 'set' | 'clear'>;
  /** Milliseconds. */
  readonly idleTimeout: number;
  readonly initializeTimeout: number;
  /** What messages may look like. */
  readonly shape: Shape;
  /** The connection is gone. */
  readonly gone: (connection: Connection) => void;
}

export interface ConnectionOptions {
  readonly ws: ClientSocket;
  readonly socket: Socket;
  readonly address: string;
  /** The client takes compressed frames. */
  readonly deflates: boolean;
}

/** Bytes of a message from which on the time that reading it takes is looked at. */
const worthTiming = 32 * 1024;

/** Turns of the event loop until what waits in the system was read, of very many sockets, too: of some 50,000 in one turn. */
const turnsToRead = 3;

/** Bytes that the system hands over at once. */
const largestChunk = 64 * 1024;

/** Milliseconds that a client which was given up has to read what waits, and why it ends. */
const farewell = 1000;

/** One client's socket: takes frames in, in order and no more than the session can hold, and ends it when its time is up. */
export class Connection
  implements SocketEvents, SessionSocket, OutletOwner, InputSharer, InputHolder
{
  readonly address: string;
  turn = 0;
  left = 0;
  readonly #host: ConnectionHost;
  readonly #ws: ClientSocket;
  readonly #socket: Socket;
  readonly #outlet: Outlet;
  readonly #session: Session;
  readonly #intake: Intake;
  readonly #deflates: boolean;
  readonly #openedAt: number;
  #activeAt: number;
  /** Messages that were read already and wait for the session. */
  #backlog: Buffer[] | undefined;
  /** Of a ping that came while nothing more is taken; of several the last is enough (RFC 6455, section 5.5.3). */
  #unanswered: Buffer | undefined;
  /** What these take up. */
  #backlogBytes = 0;
  /** What came in of a message that is not whole. */
  #unfinished = 0;
  /** Bytes of messages whose commands are in flight, as they were counted last. */
  #inFlight = 0;
  #proceeding = false;
  #state: 'open' | 'finishing' | 'deaf' | 'closing' = 'open';
  #code: number | undefined;
  /** Exists once it was given up. */
  #parting: Timer | undefined;

  constructor(host: ConnectionHost, { ws, socket, address, deflates }: ConnectionOptions) {
    this.address = address;
    this.#host = host;
    this.#ws = ws;
    this.#deflates = deflates;
    this.#socket = socket;
    this.#outlet = new Outlet(host.egress, socket, this);
    this.#session = new Session(host, this);
    this.#intake = new Intake(host.intakes, address);
    this.#openedAt = host.platform.clock.monotonic();
    this.#activeAt = this.#openedAt;
    ws.attach(this, socket);
    host.silences.set(this, this.#nextDeadline());
  }

  get congested(): boolean {
    return this.#outlet.congested;
  }

  /** Bytes of output that wait for the client. */
  get waitingBytes(): number {
    return this.#outlet.waiting;
  }

  /** True where no message waits and no command is in flight. */
  get idle(): boolean {
    return !this.#backlog && this.#session.idle;
  }

  send(frame: Buffer): void {
    this.#outlet.send(this.#deflates ? deflatedFrame(frame) : frame);
  }

  arrived(bytes: number): void {
    this.#intake.pay(bytes);
    if (this.#intake.isOver) this.#rest();
    this.#unfinished += bytes + perPiece;
    if (this.#unfinished >= worthCounting) this.#hoard();
  }

  received(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'closing' || this.#state === 'deaf') return;
    this.#activeAt = this.#host.platform.clock.monotonic();
    this.#host.metrics.received(data.length);
    this.#whole();
    if (isBinary) {
      this.close(closeCodes.unsupported);
    } else if (this.#backlog) {
      this.#backlog.push(data);
      this.#backlogBytes += data.length + perPiece;
    } else if (this.#mayTake(data.length)) {
      this.#take(data);
    } else {
      this.#backlog = [data];
      this.#backlogBytes = data.length + perPiece;
      this.#ws.pause();
    }
  }

  pinged(payload: Buffer): void {
    if (this.#state === 'closing') return;
    this.#activeAt = this.#host.platform.clock.monotonic();
    this.#payExtra();
    this.#notOfMessage(payload);
    if (this.#intake.isOver) this.#unanswered = payload;
    else this.#outlet.send(pongFrame(payload));
  }

  ponged(payload: Buffer): void {
    if (this.#state === 'closing') return;
    this.#payExtra();
    this.#notOfMessage(payload);
  }

  admitted(uid: string): void {
    this.#intake.admit(uid);
    if (!this.#intake.isOver) this.#host.rooms.clear(this);
  }

  get roomAt(): number {
    return this.#intake.roomAt;
  }

  /** Something was answered that costs so much. */
  pay(bytes: number): void {
    if (this.#state === 'closing') return;
    this.#intake.pay(bytes);
    if (this.#intake.isOver) this.#rest();
  }

  hold(time: number): void {
    if (time === 0 || this.#state === 'closing') return;
    this.#intake.hold(time);
    this.#rest();
  }

  /** There may be room again for what comes in. */
  roomy(): void {
    if (this.#intake.recheck()) {
      this.#host.rooms.set(this, this.#intake.roomAt);
      return;
    }
    if (this.#unanswered) this.#outlet.send(pongFrame(this.#unanswered));
    this.#unanswered = undefined;
    if (this.#backlog) this.proceed();
    else this.#readOn();
  }

  /** Hands over what waited, as far as the session takes it, and reads on. */
  proceed(): void {
    if (this.#inFlight !== 0 && this.#inFlight !== this.#session.heldBytes) this.#recount();
    const backlog = this.#backlog;
    // A message that is answered at once leads here again from within the loop below.
    if (!backlog || this.#proceeding) return;
    this.#proceeding = true;
    let next = 0;
    while (next < backlog.length && this.open && this.#mayTake(backlog[next]?.length ?? 0)) {
      const data = backlog[next++];
      if (!data) continue;
      this.#backlogBytes -= data.length + perPiece;
      this.#take(data);
    }
    this.#proceeding = false;
    if (next < backlog.length) backlog.splice(0, next);
    else if (this.open) this.#readOn();
  }

  get open(): boolean {
    return this.#state !== 'closing';
  }

  /** A deadline of silence or of initialization may have come. */
  due(): void {
    const now = this.#host.platform.clock.monotonic();
    // While the socket is not read nobody can tell whether the client is silent; unless that is for the client to end.
    const isUnread = this.#backlog !== undefined || this.#intake.isOver;
    if (isUnread && !this.congested) this.#activeAt = now;
    if (now < this.#nextDeadline()) this.#host.silences.set(this, this.#nextDeadline());
    else this.#lookAgain(turnsToRead);
  }

  /** Where the process stood still, what the client sent meanwhile waits in the system: it is read before anybody is judged. */
  #lookAgain(turns: number): void {
    setImmediate(() => {
      if (turns > 1) this.#lookAgain(turns - 1);
      else if (this.#state !== 'closing') this.#judge();
    });
  }

  #judge(): void {
    const now = this.#host.platform.clock.monotonic();
    if (now >= this.#activeAt + this.#host.idleTimeout) {
      this.#host.metrics.kicked();
      this.send(fixedFrames.kicked);
      this.close(closeCodes.policy);
    } else if (this.#session.isStranger && now >= this.#openedAt + this.#host.initializeTimeout) {
      this.close(closeCodes.policy);
    } else {
      this.#host.silences.set(this, this.#nextDeadline());
    }
  }

  expire(): void {
    this.#session.expire();
  }

  relieved(): void {
    this.#session.drained();
    this.proceed();
  }

  overwhelmed(): void {
    this.giveUp();
  }

  /** It holds most of what all hold together, of output or of input. */
  giveUp(): void {
    const { timers } = this.#host.platform;
    this.close(closeCodes.overload);
    // What waits is in front of the goodbye, and is held in memory until it is read.
    this.#parting ??= timers.after(farewell, () => this.#ws.terminate());
  }

  /** The server shuts down: reads no more, and finishes what was read. */
  finish(): void {
    if (this.#state !== 'open') return;
    this.#state = 'finishing';
    this.#ws.pause();
  }

  /** There is no time left for messages that wait: only commands in flight are finished. */
  dropBacklog(): void {
    if (this.#state !== 'finishing') return;
    this.#state = 'deaf';
    this.#backlog = undefined;
  }

  /** Sends what is queued, says goodbye, and is deaf from then on. */
  close(code: number): void {
    if (this.#state === 'closing') return;
    this.#code = code;
    this.#ws.close(code);
  }

  /** Ends it without a word. */
  terminate(): void {
    this.closing();
    this.#ws.terminate();
  }

  closing(): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#backlog = undefined;
    this.#host.silences.clear(this);
    this.#host.rooms.clear(this);
    this.#intake.end();
    this.#backlogBytes = 0;
    this.#unfinished = 0;
    this.#host.unread.set(this, 0);
    this.#outlet.close();
    this.#session.end();
  }

  closeSent(): void {
    // `ws` would wait for the client's close frame before it ends its side; the contract says at once.
    this.#socket.end();
    // Whoever was paused has to be read again, or the client's close frame is never seen.
    this.#ws.resume();
  }

  closed(code: number): void {
    this.closing();
    this.#parting?.cancel();
    this.#outlet.gone();
    this.#host.metrics.closed(this.#code ?? code);
    this.#host.gone(this);
  }

  /** Takes a message's place in this turn, unless the session has no room for it. */
  #mayTake(bytes: number): boolean {
    // The session calls `proceed` when it has room again, and `roomy` does.
    if (this.#session.busy || this.#intake.isOver) return false;
    const { input } = this.#host;
    if (!input.take(this, bytes)) {
      input.wait(this);
      return false;
    }
    const granted = this.#host.turn.take();
    if (!granted) this.#host.turn.wait(this);
    return granted;
  }

  #readOn(): void {
    this.#backlog = undefined;
    this.#backlogBytes = 0;
    if (this.#state === 'open' && !this.#intake.isOver) this.#ws.resume();
  }

  /** Holds much that nothing can be done of yet. */
  #hoard(): void {
    if (this.#state === 'closing') return;
    // A message that is too large for whom nobody knows is not waited for.
    const { greeting, unread } = this.#host;
    if (this.#session.isStranger && this.#unfinished > 2 * greeting + largestChunk) {
      this.close(closeCodes.tooBig);
    } else {
      unread.set(this, this.#unfinished + this.#backlogBytes + this.#inFlight);
    }
  }

  /** A message came to its end. */
  #whole(): void {
    const wasCounted = this.#unfinished >= worthCounting;
    this.#unfinished = 0;
    if (wasCounted) this.#recount();
  }

  /** Takes note of what it holds: what is not whole, what waits, and what is not answered. */
  #recount(): void {
    if (this.#state === 'closing') return;
    this.#inFlight = this.#session.heldBytes;
    this.#host.unread.set(this, this.#unfinished + this.#backlogBytes + this.#inFlight);
  }

  /** What came was a control frame, which is not kept. */
  #notOfMessage({ length }: Buffer): void {
    this.#unfinished = Math.max(0, this.#unfinished - length - perPiece);
  }

  #payExtra(): void {
    this.#intake.payExtra();
    if (this.#intake.isOver) this.#rest();
  }

  /** Reads no more until there is room for it. */
  #rest(): void {
    if (this.#state === 'closing') return;
    this.#ws.pause();
    this.#host.rooms.set(this, this.#intake.roomAt);
  }

  #take(data: Buffer): void {
    const { isStranger } = this.#session;
    if (isStranger && data.length > this.#host.greeting) {
      this.close(closeCodes.tooBig);
      return;
    }
    if (isStranger) this.#payExtra();
    const parsed = this.#parse(data);
    if (parsed.kind === 'malformed') {
      this.#session.answer(errorText(fail('json.malformed')));
      this.close(closeCodes.unsupported);
    } else if (parsed.kind === 'out-of-shape') {
      this.#session.refuse(parsed.message, fail.invalid(parsed.member, parsed.detail));
    } else {
      this.#session.handle(parsed.message, data.length, parsed.members);
      if (data.length >= worthCounting || this.#inFlight !== 0) this.#recount();
    }
  }

  #parse(data: Buffer): ParsedMessage {
    const { platform, shape } = this.#host;
    if (data.length < worthTiming) return parseMessage(data, shape);
    const begun = platform.clock.monotonic();
    const parsed = parseMessage(data, shape);
    this.#intake.payTime(data.length, platform.clock.monotonic() - begun);
    if (this.#intake.isOver) this.#rest();
    return parsed;
  }

  #nextDeadline(): number {
    const silence = this.#activeAt + this.#host.idleTimeout;
    if (this.#session.initialized) return silence;
    return Math.min(silence, this.#openedAt + this.#host.initializeTimeout);
  }
}
