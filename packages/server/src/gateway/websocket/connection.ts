import type { Socket } from 'node:net';
import { closeCodes, fail } from '@really/protocol';
import type { Frame } from '../../live/push/frame.js';
import type { Timer } from '../../platform/platform.js';
import type { AppDeps } from '../app-deps.js';
import type { InputSource } from '../dispatch/input-quota.js';
import { Intake } from '../limits/intake.js';
import type { InputHolder } from '../limits/unread-input.js';
import {
  type ClientSocket,
  closedWithoutCode,
  closedWithoutFrame,
  dropInput,
  type SocketEvents,
} from './client-socket.js';
import type { OpenConnection } from './connections.js';
import { deflatedFrame } from './deflated-frames.js';
import { FrameHeaders, InflatedBytes } from './frame-headers.js';
import { Heartbeat, type HeartbeatClient, onceRead } from './heartbeat.js';
import { HeldInput } from './held-input.js';
import { type ParsedMessage, parseCharged } from './parse-message.js';
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

/** Bytes that the system delivers at once. */
const largestChunk = 64 * 1024;

/**
 * Bytes that are parsed at once before the socket is initialized: some hundred pings, after which
 * it may be over its rate.
 */
const greetingPiece = 4096;

/** Milliseconds to read the remaining output and the reason, when the server closes. */
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
    InputHolder,
    HeartbeatClient
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
  readonly #held: HeldInput;
  readonly #unpaid: FrameHeaders | InflatedBytes;
  readonly #deflates: boolean;
  readonly #openedAt: number;
  #activeAt: number;
  /** Messages read that wait for the session. */
  #backlog: Buffer[] | undefined;
  /** A ping received while paused; only the last one needs an answer (RFC 6455, section 5.5.3). */
  #unanswered: Buffer | undefined;
  #proceeding = false;
  #state: 'open' | 'finishing' | 'draining' | 'closing' = 'open';
  #hasClosed = false;
  #code: number | undefined;
  /** While the client is pinged. */
  #heartbeat: Heartbeat | undefined;
  /** Set once the server is closing the socket. */
  #closeTimer: Timer | undefined;

  constructor(deps: AppDeps, { ws, socket, address, deflates }: ConnectionOptions) {
    this.address = address;
    this.#deps = deps;
    this.#ws = ws;
    this.#deflates = deflates;
    this.#unpaid = deflates ? new InflatedBytes() : new FrameHeaders();
    this.#socket = socket;
    this.#writer = new SocketWriter(deps.egress, socket, this);
    this.#session = new Session(deps, this);
    this.#intake = new Intake(deps.intakes, address);
    this.#held = new HeldInput(this, deps.unread, () => this.#session.heldBytes);
    this.#openedAt = deps.platform.clock.monotonic();
    this.#activeAt = this.#openedAt;
    ws.attach(this, socket);
    deps.idleTimers.set(this, this.#nextDeadline());
  }

  get congested(): boolean {
    return this.#writer.congested;
  }

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
    if (!isWatched) {
      this.#heartbeat?.end();
      this.#heartbeat = undefined;
    } else if (this.open) {
      this.#heartbeat ??= new Heartbeat(this.#deps, this, this.#socket);
    }
  }

  ping(): void {
    this.#writer.send(pingFrame);
  }

  get isLeftUnread(): boolean {
    return this.#intake.isOver || (this.#backlog !== undefined && !this.congested);
  }

  admit(bytes: number): number {
    if (this.#state === 'closing') return bytes;
    // Others of its uid or address may have used up the rate.
    if (this.#intake.recheck()) {
      this.#pauseReading();
      return 0;
    }
    if (this.#session.initialized) return bytes;
    if (!this.#backlog) return Math.min(bytes, greetingPiece);
    // What waits for the session would only be more. It was paused then, but may have been resumed.
    this.#ws.pause();
    return 0;
  }

  arrived(bytes: number): void {
    this.#heartbeat?.heard();
    this.#intake.pay(bytes);
    if (this.#intake.isOver) this.#pauseReading();
    if (this.#state === 'closing') return;
    this.#unpaid.arrived(bytes);
    if (this.#held.arrived(bytes)) this.#countUnfinished();
  }

  received(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'closing' || this.#state === 'draining') return;
    this.#activeAt = this.#deps.platform.clock.monotonic();
    this.#deps.metrics.received(data.length);
    this.#messageComplete(data.length);
    if (isBinary) this.close(closeCodes.unsupported);
    else if (!this.#backlog && this.#grant(data.length)) this.#handle(data);
    else this.#queue(data);
  }

  #queue(data: Buffer): void {
    if (!this.#backlog) this.#ws.pause();
    this.#backlog ??= [];
    this.#backlog.push(data);
    this.#held.queue(data.length);
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
    if (this.#intake.isOver) {
      this.#pauseReading();
      return;
    }
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
      this.#deps.rateTimers.set(this, this.#intake.takeTurn());
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
    this.#held.recountInFlight();
    const backlog = this.#backlog;
    // A message that is answered at once calls this again from within the loop below.
    if (!backlog || this.#proceeding) return;
    this.#proceeding = true;
    let next = 0;
    while (next < backlog.length && this.open && this.#grant(backlog[next]?.length ?? 0)) {
      const data = backlog[next++];
      if (!data) continue;
      this.#held.unqueue(data.length);
      this.#handle(data);
    }
    this.#proceeding = false;
    if (next < backlog.length) backlog.splice(0, next);
    else if (this.open) this.#resumeReading();
    this.#held.recountIfCounted();
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
    else onceRead(() => this.#closeIfDue());
  }

  #closeIfDue(): void {
    if (this.#state === 'closing') return;
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

  /** It holds too much output, or the most of all waiting output or unread input. */
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
    dropInput(this.#socket);
    this.#ws.terminate();
  }

  closing(code: number): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#backlog = undefined;
    this.#deps.idleTimers.clear(this);
    this.#deps.rateTimers.clear(this);
    this.watchLife(false);
    this.#held.end();
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
    this.#held.release();
    this.#deps.count.leave(this.address);
    this.#hasClosed = true;
    this.#endIntake();
  }

  /** Commands in flight are still paid for, so its rates are not forgotten before. */
  #endIntake(): void {
    if (this.#session.idle) this.#intake.end();
  }

  /** Takes a message in this tick's quota, if the session can handle one. */
  #grant(bytes: number): boolean {
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
    this.#held.emptyQueue();
    if (this.#state === 'open' && !this.#intake.isOver) this.#ws.resume();
  }

  #countUnfinished(): void {
    // An oversized message of an unauthenticated client is refused before it is complete.
    const most = 2 * this.#deps.limits.messageBeforeInitialize + largestChunk;
    if (this.#session.isUnauthenticated && this.#held.unfinished > most) {
      this.close(closeCodes.tooBig);
    } else {
      this.#held.count();
    }
  }

  #messageComplete(bytes: number): void {
    const unpaid = this.#unpaid.message(bytes);
    if (unpaid > 0) this.pay(unpaid * this.#unpaid.price);
    this.#held.messageComplete();
  }

  /** It was a control frame, which is not kept. */
  #discountControlFrame({ length }: Buffer): void {
    this.#unpaid.control(length);
    this.#held.controlFrame(length);
  }

  #chargeExtra(): void {
    this.#intake.payExtra();
    if (this.#intake.isOver) this.#pauseReading();
  }

  /** Stops reading until there is room. */
  #pauseReading(): void {
    this.#ws.pause();
    this.#deps.rateTimers.set(this, this.#intake.takeTurn());
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
      this.#session.handle(parsed.message, data.length, parsed);
      this.#held.recountInFlight();
    }
  }

  #parse(data: Buffer): ParsedMessage {
    const parsed = parseCharged(data, this.#deps, this.#intake);
    if (this.#intake.isOver) this.#pauseReading();
    return parsed;
  }

  #nextDeadline(): number {
    const silence = this.#activeAt + this.#deps.config.idleTimeout;
    if (this.#session.initialized) return silence;
    return Math.min(silence, this.#openedAt + this.#deps.config.initializeTimeout);
  }
}
