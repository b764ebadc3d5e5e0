import type { Socket } from 'node:net';
import { closeCodes, fail } from '@really/protocol';
import type { Frame } from '../../live/push/frame.js';
import type { Timer } from '../../platform/platform.js';
import type { AppDeps } from '../app-deps.js';
import type { InputSource } from '../dispatch/input-quota.js';
import { Intake } from '../limits/intake.js';
import { headerPrice } from '../limits/intake-rates.js';
import { OutputProgress } from '../limits/output-pace.js';
import { type InputHolder, perPiece, worthCounting } from '../limits/unread-input.js';
import {
  type ClientSocket,
  closedWithoutCode,
  closedWithoutFrame,
  dropInput,
  type SocketEvents,
} from './client-socket.js';
import type { OpenConnection } from './connections.js';
import { deflatedFrame } from './deflated-frames.js';
import { FrameHeaders } from './frame-headers.js';
import { type ParsedMessage, parseMessage } from './parse-message.js';
import { errorText, fixedFrames, pingFrame, pongFrame } from './response.js';
import { Session, type SessionSocket } from './session.js';
import { SocketWriter, type SocketWriterOwner } from './socket-writer.js';

export interface ConnectionOptions {
  readonly ws: ClientSocket;
  readonly socket: Socket;
  readonly address: string;
  /** The client takes compressed frames. */
  readonly deflates: boolean;
}

/** Message size in bytes from which the time to parse it is measured. */
const worthTiming = 32 * 1024;

/**
 * Ticks of the event loop until the system's input buffers were read, even for very many sockets:
 * about 50,000 per tick.
 */
const ticksToRead = 3;

/** Bytes that the system delivers at once. */
const largestChunk = 64 * 1024;

/** Milliseconds between pings, and how many may stay without an answer. */
const pingInterval = 15_000;
const missedPings = 2;

/**
 * Milliseconds that a client being closed by the server has to read the remaining output and the
 * reason.
 */
const closeGrace = 1000;

/**
 * One client's socket: reads frames in order, no faster than the session can handle them. It closes
 * the socket of a client that sends nothing for the idle timeout (by default 120 s), or that does
 * not initialize in time, and pings those in rooms.
 */
export class Connection
  implements
    OpenConnection,
    SocketEvents,
    SessionSocket,
    SocketWriterOwner,
    InputSource,
    InputHolder
{
  readonly address: string;
  tick = 0;
  quotaLeft = 0;
  readonly #deps: AppDeps;
  readonly #ws: ClientSocket;
  readonly #socket: Socket;
  readonly #writer: SocketWriter;
  readonly #session: Session;
  readonly #intake: Intake;
  readonly #frameHeaders = new FrameHeaders();
  readonly #deflates: boolean;
  readonly #openedAt: number;
  #activeAt: number;
  /** Messages read that wait for the session. */
  #backlog: Buffer[] | undefined;
  /**
   * A ping received while input is paused; only the last one needs an answer (RFC 6455, section
   * 5.5.3).
   */
  #unanswered: Buffer | undefined;
  /** Size of the backlog in bytes. */
  #backlogBytes = 0;
  /** Bytes received of an incomplete message. */
  #unfinished = 0;
  /** Bytes of messages with commands in flight, as last counted. */
  #inFlight = 0;
  /** What counts as unread input, as last set; 0 if it is too little. */
  #counted = 0;
  #proceeding = false;
  #state: 'open' | 'finishing' | 'draining' | 'closing' = 'open';
  #hasClosed = false;
  #code: number | undefined;
  /** Since the last ping; `undefined` while the client is not pinged. */
  #life: { missed: number; isHeard: boolean; readonly progress: OutputProgress } | undefined;
  /** Set once the server is closing the socket. */
  #closeTimer: Timer | undefined;

  constructor(deps: AppDeps, { ws, socket, address, deflates }: ConnectionOptions) {
    this.address = address;
    this.#deps = deps;
    this.#ws = ws;
    this.#deflates = deflates;
    this.#socket = socket;
    this.#writer = new SocketWriter(deps.egress, socket, this);
    this.#session = new Session(deps, this);
    this.#intake = new Intake(deps.intakes, address);
    this.#openedAt = deps.platform.clock.monotonic();
    this.#activeAt = this.#openedAt;
    ws.attach(this, socket);
    deps.idleTimers.set(this, this.#nextDeadline());
  }

  get congested(): boolean {
    return this.#writer.congested;
  }

  /** Output bytes waiting for the client. */
  get waitingBytes(): number {
    return this.#writer.waiting;
  }

  /** True if no message waits and no command is in flight. */
  get idle(): boolean {
    return !this.#backlog && this.#session.idle;
  }

  send(frame: Buffer): void {
    this.#writer.send(this.#deflates ? deflatedFrame(frame) : frame);
  }

  sendEphemeral(frame: Pick<Frame, 'bytes'>, isLast: boolean): boolean {
    const isBehind = this.#writer.congested || this.#writer.unsent > this.#deps.limits.roomOutput;
    if (isBehind && !isLast) return false;
    this.send(frame.bytes);
    return true;
  }

  watchLife(isWatched: boolean): void {
    const { lifeTimers, platform } = this.#deps;
    if (!isWatched) {
      lifeTimers.clear(this);
      this.#life = undefined;
    } else if (!this.#life && this.#state !== 'closing') {
      this.#life = { missed: 0, isHeard: true, progress: new OutputProgress(this.#socket) };
      lifeTimers.set(this, platform.clock.monotonic() + pingInterval);
    }
  }

  /** Rule PRS9: pings the client, and cuts it off if it answered none of the last pings. */
  checkLife(): void {
    const life = this.#life;
    if (!life) return;
    if (this.#isReading(life.progress) || this.#isLeftUnread) life.isHeard = true;
    life.missed = life.isHeard ? 0 : life.missed + 1;
    if (life.missed >= missedPings) {
      this.#cutOffIfSilent(ticksToRead);
      return;
    }
    life.isHeard = false;
    this.#writer.send(pingFrame);
    this.#deps.lifeTimers.set(this, this.#deps.platform.clock.monotonic() + pingInterval);
  }

  /** A ping is answered only when what waits before it is read: so a client that reads is alive. */
  #isReading(progress: OutputProgress): boolean {
    const wasBlocked = progress.isBlocked;
    return progress.take() > 0 && wasBlocked;
  }

  /** The socket is not read, for another reason than that the client reads too slowly. */
  get #isLeftUnread(): boolean {
    return this.#intake.isOver || (this.#backlog !== undefined && !this.congested);
  }

  /** After the process was blocked, an answer may wait in the system's buffers. */
  #cutOffIfSilent(ticks: number): void {
    setImmediate(() => {
      if (!this.#life) return;
      if (this.#life.isHeard) this.checkLife();
      else if (ticks > 1) this.#cutOffIfSilent(ticks - 1);
      else this.terminate();
    });
  }

  arrived(bytes: number): void {
    if (this.#life) this.#life.isHeard = true;
    this.#intake.pay(bytes);
    if (this.#intake.isOver) this.#pauseReading();
    if (this.#state === 'closing') return;
    this.#frameHeaders.arrived(bytes);
    this.#unfinished += bytes + perPiece;
    if (this.#unfinished >= worthCounting) this.#countUnread();
  }

  received(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'closing' || this.#state === 'draining') return;
    this.#activeAt = this.#deps.platform.clock.monotonic();
    this.#deps.metrics.received(data.length);
    this.#messageComplete(data.length);
    if (isBinary) this.close(closeCodes.unsupported);
    else if (!this.#backlog && this.#admit(data.length)) this.#handle(data);
    else this.#queue(data);
  }

  #queue(data: Buffer): void {
    if (!this.#backlog) this.#ws.pause();
    this.#backlog ??= [];
    this.#backlog.push(data);
    const before = this.#backlogBytes;
    this.#backlogBytes += data.length + perPiece;
    const isWorthCounting =
      Math.floor(before / worthCounting) < Math.floor(this.#backlogBytes / worthCounting);
    if (isWorthCounting) this.#setUnread();
  }

  pinged(payload: Buffer): void {
    if (this.#state === 'closing') return;
    this.#activeAt = this.#deps.platform.clock.monotonic();
    this.#chargeExtra();
    this.#discountControlFrame(payload);
    if (this.#intake.isOver) this.#unanswered = payload;
    else this.#writer.send(pongFrame(payload));
  }

  ponged(payload: Buffer): void {
    if (this.#state === 'closing') return;
    this.#chargeExtra();
    this.#discountControlFrame(payload);
  }

  onAuthenticated(uid: string): void {
    this.#intake.admit(uid);
    if (this.#intake.isOver) return;
    // It may have been paused at the rate of a socket that nobody knew.
    this.#deps.rateTimers.clear(this);
    this.onRateRecovered();
  }

  get roomAt(): number {
    return this.#intake.roomAt;
  }

  /** Charges response bytes; those of commands that end after the socket has closed, too. */
  pay(bytes: number): void {
    this.#intake.pay(bytes);
    if (this.#intake.isOver && this.open) this.#pauseReading();
  }

  pauseFor(time: number): void {
    if (time === 0 || this.#state === 'closing') return;
    this.#intake.pauseFor(time);
    this.#pauseReading();
  }

  /** The rate limit may allow input again. */
  onRateRecovered(): void {
    if (this.#intake.recheck()) {
      this.#deps.rateTimers.set(this, this.#intake.roomAt);
      return;
    }
    if (this.#state === 'closing') {
      this.#socket.resume();
      return;
    }
    if (this.#unanswered) this.#writer.send(pongFrame(this.#unanswered));
    this.#unanswered = undefined;
    this.#session.onRateRecovered();
    if (this.#backlog) this.proceed();
    else this.#resumeReading();
  }

  /** Passes queued messages to the session as far as it takes them, and reads on. */
  proceed(): void {
    if (this.#hasClosed) this.#endIntake();
    if (this.#inFlight !== 0 && this.#inFlight !== this.#session.heldBytes) this.#recount();
    const backlog = this.#backlog;
    // A message that is answered at once calls this again from within the loop below.
    if (!backlog || this.#proceeding) return;
    this.#proceeding = true;
    let next = 0;
    while (next < backlog.length && this.open && this.#admit(backlog[next]?.length ?? 0)) {
      const data = backlog[next++];
      if (!data) continue;
      this.#backlogBytes -= data.length + perPiece;
      this.#handle(data);
    }
    this.#proceeding = false;
    if (next < backlog.length) backlog.splice(0, next);
    else if (this.open) this.#resumeReading();
    if (this.#counted !== 0) this.#recount();
  }

  get open(): boolean {
    return this.#state !== 'closing';
  }

  /** Checks the idle and initialize timeouts. */
  checkDeadlines(): void {
    const now = this.#deps.platform.clock.monotonic();
    // While the socket is not read, the client does not count as idle. One that reads too little of
    // what waits for it is closed for that (rule LIM33).
    if (this.#backlog !== undefined || this.#intake.isOver) this.#activeAt = now;
    if (now < this.#nextDeadline()) this.#deps.idleTimers.set(this, this.#nextDeadline());
    else this.#recheckLater(ticksToRead);
  }

  /**
   * After the process was blocked, the client's input waits in the system's buffers: read it before
   * calling the client idle.
   */
  #recheckLater(ticks: number): void {
    setImmediate(() => {
      if (ticks > 1) this.#recheckLater(ticks - 1);
      else if (this.#state !== 'closing') this.#closeIfDue();
    });
  }

  #closeIfDue(): void {
    const now = this.#deps.platform.clock.monotonic();
    if (now >= this.#activeAt + this.#deps.config.idleTimeout) {
      this.#deps.metrics.kicked();
      this.send(fixedFrames.kicked);
      this.close(closeCodes.policy);
    } else if (
      this.#session.isUnauthenticated &&
      now >= this.#openedAt + this.#deps.config.initializeTimeout
    ) {
      this.close(closeCodes.policy);
    } else {
      this.#deps.idleTimers.set(this, this.#nextDeadline());
    }
  }

  expire(): void {
    this.#session.expire();
  }

  onDrain(): void {
    this.#session.onDrain();
    this.proceed();
  }

  onOverflow(): void {
    this.giveUp();
  }

  /** It holds the most of all waiting output or unread input. */
  giveUp(): void {
    const { timers } = this.#deps.platform;
    this.close(closeCodes.overload);
    // The waiting output precedes the close frame, and takes memory until it is read.
    this.#closeTimer ??= timers.after(closeGrace, () => this.#ws.terminate());
  }

  /** The server shuts down: stops reading, and finishes what was read. */
  finish(): void {
    if (this.#state !== 'open') return;
    this.#state = 'finishing';
    this.#ws.pause();
  }

  /** No time is left for queued messages: only commands in flight are finished. */
  dropBacklog(): void {
    if (this.#state !== 'finishing') return;
    this.#state = 'draining';
    this.#backlog = undefined;
  }

  /** Sends what is queued and a close frame, and ignores all further input. */
  close(code: number): void {
    if (this.#state === 'closing') return;
    this.#code = code;
    this.#ws.close(code);
  }

  /** Cuts the socket off without a close frame. */
  terminate(): void {
    this.closing(closedWithoutFrame);
    this.#ws.terminate();
  }

  closing(code: number): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#backlog = undefined;
    this.#deps.idleTimers.clear(this);
    this.#deps.rateTimers.clear(this);
    this.watchLife(false);
    this.#backlogBytes = 0;
    this.#writer.close();
    const isClients = this.#code === undefined;
    const isFinal = isClients && (code === closeCodes.normal || code === closedWithoutCode);
    this.#session.end({ isFinal });
  }

  closeSent(): void {
    // `ws` would wait for the client's close frame before ending its side; the contract says at
    // once.
    this.#socket.end();
    // Nothing that follows matters, a close frame included: the client ends its side, too.
    dropInput(this.#socket);
    // A paused socket has to be read again, or that is never seen.
    this.#socket.resume();
  }

  closed(code: number): void {
    this.closing(closedWithoutFrame);
    this.#closeTimer?.cancel();
    this.#writer.socketClosed();
    this.#deps.metrics.closed(this.#code ?? code);
    this.#deps.connections.delete(this);
    this.#deps.rateTimers.clear(this);
    // Until now it had what it had received of a message.
    this.#deps.unread.set(this, 0);
    this.#deps.count.leave(this.address);
    this.#hasClosed = true;
    this.#endIntake();
  }

  /** Commands in flight are still paid for, so its rates are not forgotten before. */
  #endIntake(): void {
    if (this.#session.idle) this.#intake.end();
  }

  /** Takes a message in this tick's quota, if the session can handle one. */
  #admit(bytes: number): boolean {
    // `proceed` follows from the session when it is free again, and from `onRateRecovered`.
    if (this.#session.busy || this.#intake.isOver) return false;
    const { inputQuota } = this.#deps;
    if (!inputQuota.take(this, bytes)) {
      inputQuota.wait(this);
      return false;
    }
    const granted = this.#deps.tickQuota.take();
    if (!granted) this.#deps.tickQuota.wait(this);
    return granted;
  }

  #resumeReading(): void {
    this.#backlog = undefined;
    this.#backlogBytes = 0;
    if (this.#state === 'open' && !this.#intake.isOver) this.#ws.resume();
  }

  /** Counts unread input, if it is worth counting. */
  #countUnread(): void {
    if (this.#state === 'closing') return;
    // An oversized message of an unauthenticated client is refused before it is complete.
    const { limits } = this.#deps;
    if (
      this.#session.isUnauthenticated &&
      this.#unfinished > 2 * limits.messageBeforeInitialize + largestChunk
    ) {
      this.close(closeCodes.tooBig);
    } else {
      this.#setUnread();
    }
  }

  /** A message of this size is complete. */
  #messageComplete(bytes: number): void {
    const needless = this.#frameHeaders.message(bytes);
    // Compressed ones become larger, and are complete only after the next chunk has arrived.
    if (needless > 0 && !this.#deflates) this.pay(needless * headerPrice);
    const wasCounted = this.#unfinished >= worthCounting;
    this.#unfinished = 0;
    if (wasCounted) this.#recount();
  }

  /** Counts what it holds: incomplete, queued and unanswered messages. */
  #recount(): void {
    if (this.#state === 'closing') return;
    this.#inFlight = this.#session.heldBytes;
    this.#setUnread();
  }

  #setUnread(): void {
    const bytes = this.#unfinished + this.#backlogBytes + this.#inFlight;
    this.#counted = bytes < worthCounting ? 0 : bytes;
    this.#deps.unread.set(this, bytes);
  }

  /** It was a control frame, which is not kept. */
  #discountControlFrame({ length }: Buffer): void {
    this.#frameHeaders.control(length);
    this.#unfinished = Math.max(0, this.#unfinished - length - perPiece);
  }

  #chargeExtra(): void {
    this.#intake.payExtra();
    if (this.#intake.isOver) this.#pauseReading();
  }

  /** Stops reading until there is room. */
  #pauseReading(): void {
    this.#ws.pause();
    this.#deps.rateTimers.set(this, this.#intake.roomAt);
  }

  #handle(data: Buffer): void {
    const { isUnauthenticated: isStranger } = this.#session;
    if (isStranger && data.length > this.#deps.limits.messageBeforeInitialize) {
      this.close(closeCodes.tooBig);
      return;
    }
    if (isStranger) this.#chargeExtra();
    const parsed = this.#parse(data);
    if (parsed.kind === 'malformed') {
      this.#session.respond(errorText(fail('json.malformed')));
      this.close(closeCodes.unsupported);
    } else if (parsed.kind === 'exceeds-limits') {
      this.#session.refuse(parsed.message, fail.invalid(parsed.member, parsed.detail));
    } else {
      this.#session.handle(parsed.message, data.length, parsed.members);
      if (data.length >= worthCounting || this.#inFlight !== 0) this.#recount();
    }
  }

  #parse(data: Buffer): ParsedMessage {
    const { platform, limits } = this.#deps;
    if (data.length < worthTiming) return parseMessage(data, limits);
    const begun = platform.clock.monotonic();
    const parsed = parseMessage(data, limits);
    this.#intake.payParsed({
      bytes: data.length,
      time: platform.clock.monotonic() - begun,
      members: parsed.kind === 'message' ? parsed.members : 0,
    });
    if (this.#intake.isOver) this.#pauseReading();
    return parsed;
  }

  #nextDeadline(): number {
    const silence = this.#activeAt + this.#deps.config.idleTimeout;
    if (this.#session.initialized) return silence;
    return Math.min(silence, this.#openedAt + this.#deps.config.initializeTimeout);
  }
}
