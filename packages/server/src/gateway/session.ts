import {
  type Auth,
  closeCodes,
  fail,
  type InitializeRequest,
  type JsonObject,
  type ProtocolError,
  parseInitialize,
  parseR,
  parseRequest,
  readEnvelope,
} from '@really/protocol';
import type { TokenRefusal, Verified } from '../auth/tokens.js';
import type { Frame, Under } from '../live/frame.js';
import type { Listener } from '../live/listener.js';
import { asksAsOwner } from '../queries/owner.js';
import { networkOf } from './address-network.js';
import { errorText, fixedFrames, frameOf, initializedText } from './answer.js';
import type { Payer } from './answer-lines.js';
import { answerRoom, roomFor } from './answer-room.js';
import { CommandsInFlight, type FlightOwner } from './commands-in-flight.js';
import type { HandleHolder } from './handles.js';
import { HeldPushes } from './held-pushes.js';
import type { TokenHolder } from './live-tokens.js';
import { costOf, costOfMembers } from './message-cost.js';
import { missedOf } from './missed.js';
import { type SentPush, SentPushes } from './sent-pushes.js';
import type { SessionHost, SessionSocket } from './session-host.js';
import { toProtocolError } from './to-protocol-error.js';

/**
 *   greeting --initialize--> ready --initialize--> ready (renewed)
 *      |                       |
 *      +---------end-----------+------> closed
 */
type State =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'ready'; readonly auth: Auth; readonly handle: string }
  | { readonly kind: 'closed'; readonly auth: Auth | undefined };

const greeting: State = { kind: 'greeting' };

/** Failed attempts to initialize after which the socket is closed (rule SES3). */
const allowedFailures = 5;

/** The conversation on one socket, rules SES1 to SES10: who it is, and what it may say when. */
export class Session implements Listener, FlightOwner, HandleHolder, TokenHolder {
  readonly #host: SessionHost;
  readonly #socket: SessionSocket;
  #state: State = greeting;
  #verifying = false;
  #failures = 0;
  #flight: CommandsInFlight | undefined;
  /** Exists from the first push on. */
  #sent: SentPushes | undefined;
  /** Exists from the first write on. */
  #held: HeldPushes | undefined;
  #welcomed = false;

  constructor(host: SessionHost, socket: SessionSocket) {
    this.#host = host;
    this.#socket = socket;
  }

  /** Who it is. Live layer and commands ask only once it is initialized. */
  get auth(): Auth {
    const auth = this.#state.kind === 'greeting' ? undefined : this.#state.auth;
    if (!auth) throw new Error('a session that is not initialized was asked who it is');
    return auth;
  }

  get address(): string {
    return networkOf(this.#socket.address);
  }

  get initialized(): boolean {
    return this.#state.kind === 'ready';
  }

  get open(): boolean {
    return this.#state.kind !== 'closed';
  }

  get congested(): boolean {
    if (this.#state.kind === 'closed' || this.#socket.congested) return true;
    return this.#held?.congested ?? false;
  }

  /**
   * True while the next message has to wait: for the verdict on a token, for a command to be answered (rule LIM2), or
   * for the client to read what it was answered (rule LIM4).
   */
  get busy(): boolean {
    if (this.#verifying || this.#socket.congested) return true;
    const flight = this.#flight;
    return (
      flight !== undefined && (flight.count >= this.#host.inFlight || flight.room >= answerRoom)
    );
  }

  /** Bytes of the messages of commands in flight. */
  get heldBytes(): number {
    return this.#flight?.held ?? 0;
  }

  /** True as long as nobody knows whose it is, nor finds out just now. */
  get isStranger(): boolean {
    return this.#state.kind === 'greeting' && !this.#verifying;
  }

  /** True where nothing is under way. */
  get idle(): boolean {
    return !this.#verifying && !this.#flight;
  }

  push(frame: Frame): void {
    if (!this.open) return;
    if (this.#held) this.#held.push(frame);
    else this.#tell(frame);
  }

  holdPushes(): () => void {
    this.#held ??= new HeldPushes((frame) => this.#tell(frame));
    const release = this.#held.hold();
    return () => {
      const wasCongested = this.congested;
      release();
      if (wasCongested && !this.congested) this.drained();
    };
  }

  outdate(key: string): void {
    this.#sent?.outdate(key);
  }

  /** Who it is; `undefined` until it is initialized. */
  get uid(): string | undefined {
    return this.#state.kind === 'ready' ? this.#state.auth.uid : undefined;
  }

  giveWay(): void {
    this.#socket.close(closeCodes.policy);
  }

  get payer(): Payer {
    return this.#socket;
  }

  answer(text: string): void {
    this.#socket.send(frameOf(text));
  }

  /** Takes one message, of so many bytes and members of objects, and answers it exactly once. Not while `busy`. */
  handle(message: JsonObject, bytes: number, members = 0): void {
    try {
      this.#dispatch(message, bytes, members);
    } catch (thrown) {
      const { log, platform } = this.#host;
      const fields = typeof message.traceId === 'string' ? { traceId: message.traceId } : {};
      this.refuse(message, toProtocolError(thrown, { log, platform, fields }));
    }
  }

  /** Answers that a message is refused, with its tag and R where they are usable, in its turn. */
  refuse(message: JsonObject, error: ProtocolError): void {
    const { tag, cmd } = readEnvelope(message);
    const r = this.initialized ? parseR(message.r)?.r : undefined;
    // Without tag or command it is no request, and nothing of it but the tag is told (rule ENV3).
    const isRequest = tag !== undefined && cmd !== undefined;
    const text = errorText(error, { tag, r: isRequest ? r : undefined });
    if (r !== undefined && this.#flight) this.#flight.refuse(text, r);
    else if (tag === undefined) this.#tell({ bytes: frameOf(text) });
    else this.answer(text);
  }

  revoked(): void {
    this.expire();
  }

  /** The token has expired, or was revoked (rule SES10). */
  expire(): void {
    if (!this.initialized) return;
    this.#tell({ bytes: fixedFrames.tokenExpired });
    this.#socket.close(closeCodes.policy);
  }

  /** What waited for the client to read has gone out. */
  drained(): void {
    if (this.initialized) this.#host.live.drained(this);
  }

  /** The connection is closing: forgets everything of it. Commands in flight end by themselves. */
  end(): void {
    const state = this.#state;
    if (state.kind === 'closed') return;
    this.#state = { kind: 'closed', auth: state.kind === 'ready' ? state.auth : undefined };
    if (state.kind !== 'ready') return;
    // They count as sent: who comes back is told them again.
    for (const frame of this.#held?.take() ?? []) this.#remember(frame);
    const { expiries, handles, live, liveTokens } = this.#host;
    expiries.clear(this);
    const token = liveTokens.release(this);
    const { auth } = state;
    const park = () => {
      const { address } = this;
      return { token, auth, address, subscriptions: live.park(this), sent: this.#sent };
    };
    handles.park(state.handle, park);
    live.drop(this);
  }

  settled(): void {
    if (this.#flight?.count === 0) {
      this.#flight = undefined;
      // A subscribe may have ended after the connection did.
      if (!this.open) this.#host.live.drop(this);
    }
    this.#socket.proceed();
  }

  #dispatch(message: JsonObject, bytes: number, members: number): void {
    const { cmd, tag } = readEnvelope(message);
    const { address } = this.#socket;
    const uid = this.#state.kind === 'ready' ? this.#state.auth.uid : undefined;
    const cost = uid === undefined ? costOfMembers(members) : costOf(message, members);
    const retryAfter = this.#host.rates.take(address, uid, cost);
    if (retryAfter > 0) {
      this.refuse(message, fail('rate.limited', undefined, { meta: { retryAfter } }));
      this.#socket.hold(this.#host.rates.refuse(address, uid) * 1000);
    } else if (cmd === 'initialize') {
      this.#initialize(message, tag);
    } else if (tag === undefined || cmd === undefined) {
      this.refuse(message, fail('request.invalid'));
    } else if (!this.initialized) {
      this.refuse(message, fail('initialize.required'));
    } else if (cmd === 'ping' || cmd === 'poke') {
      this.#ping(message, tag);
    } else {
      this.#command(message, bytes);
    }
  }

  #ping(message: JsonObject, tag: number): void {
    const parsed = parseRequest(message);
    if (!parsed.ok) this.refuse(message, parsed.error);
    else if (parsed.request.cmd === 'ping') {
      const { timestamp } = parsed.request;
      this.answer(JSON.stringify({ tag, evt: 'pinged', timestamp }));
    }
  }

  #command(message: JsonObject, bytes: number): void {
    const parsed = this.#host.commands.parse(message);
    if (!parsed.ok) {
      this.#host.metrics.command('invalid', String(parsed.error.code), 0);
      this.refuse(message, parsed.error);
      return;
    }
    this.#flight ??= new CommandsInFlight(this.#host, this);
    const { request } = parsed;
    this.#flight.run(request, roomFor(request.cmd, bytes, this.#host), bytes);
  }

  #initialize(message: JsonObject, tag: number | undefined): void {
    if (tag === undefined) {
      this.#tell({ bytes: frameOf(errorText(fail('initialize.invalid'))) });
      return;
    }
    this.#verifying = true;
    const request = parseInitialize(message, tag);
    void this.#verify(request).then(() => {
      this.#verifying = false;
      this.#socket.proceed();
    });
  }

  /** Never rejects. */
  async #verify(request: InitializeRequest): Promise<void> {
    try {
      const verified = await this.#host.tokens.verify(request.accessToken);
      if (this.open) await this.#verified(request, verified);
    } catch (thrown) {
      if (this.open) this.#unverifiable(request.tag, thrown);
    }
  }

  async #verified(request: InitializeRequest, verified: Verified): Promise<void> {
    const { tag, handle } = request;
    const refusal = this.#refusalOf(verified);
    if (refusal !== undefined) this.#fail(tag, refusal);
    if (refusal !== undefined || !verified.ok) return;
    asksAsOwner({ auth: verified.auth, address: this.address });
    if (this.initialized || handle === undefined) this.#welcome(tag, verified);
    else await this.#resume({ ...request, handle }, verified);
  }

  /** Section RES: takes over what an earlier connection of this user left. */
  async #resume(
    { tag, handle, received }: InitializeRequest & { handle: string },
    verified: Verified & { ok: true },
  ): Promise<void> {
    const { handles, live } = this.#host;
    const parked = handles.take(handle, verified.auth.uid);
    const { auth } = verified;
    const isSeen = ({ names, view }: Under) => live.viewOf(names, auth) === view;
    const missed = parked && missedOf(parked, received, isSeen);
    if (!missed) return this.#welcome(tag, verified, false);
    this.#state = { kind: 'ready', auth, handle: this.#newHandle() };
    const begin = await live.resume(this, missed.subscriptions);
    if (!this.open) return;
    // Meanwhile other rules may have come into force, under which it may not be sent what was sent before.
    if (!missed.seenUnder.every(isSeen)) return this.#socket.close(closeCodes.overload);
    this.#welcome(tag, verified, true);
    for (const frame of missed.frames) this.#tell(frame);
    begin();
  }

  #refusalOf(verified: Verified): TokenRefusal | undefined {
    if (!verified.ok) return verified.detail;
    const state = this.#state;
    const other = state.kind === 'ready' && state.auth.uid !== verified.auth.uid;
    return other ? 'token.invalid' : undefined;
  }

  #welcome(
    tag: number,
    { auth, token, expires }: Verified & { ok: true },
    resumed?: boolean,
  ): void {
    const state = this.#state;
    const handle = state.kind === 'ready' ? state.handle : this.#newHandle();
    const isRenewal = state.kind === 'ready' && resumed === undefined;
    this.#failures = 0;
    this.#welcomed = true;
    this.#state = { kind: 'ready', auth, handle };
    this.#socket.admitted(auth.uid);
    this.#host.handles.hold(handle, this);
    this.#host.metrics.command('initialize', 'ok', 0);
    const { epoch } = this.#host.live;
    this.answer(initializedText(tag, { handle, auth, epoch, expires, resumed }));
    if (expires === undefined) this.#host.expiries.clear(this);
    else this.#host.expiries.set(this, expires);
    if (!this.#host.liveTokens.hold(this, token)) this.expire();
    else if (isRenewal) this.#reauthorized(auth.uid);
  }

  #reauthorized(uid: string): void {
    const judged = this.#host.live.reauthorized(this);
    const time = this.#host.rates.renewed(this.#socket.address, uid, judged);
    if (time > 0) this.#socket.hold(time);
  }

  /** Sends a message without a tag: one that the client counts. */
  #tell(push: SentPush): void {
    this.#remember(push);
    this.#socket.send(push.bytes);
  }

  #remember(push: SentPush): void {
    this.#sent ??= new SentPushes(this.#host.sentPushes);
    this.#sent.add(push);
  }

  #fail(tag: number, detail: TokenRefusal): void {
    const error = fail('invalid/incorrect/expired access token', { accessToken: [detail] });
    this.#host.metrics.command('initialize', String(error.code), 0);
    if (detail !== 'token.missing') {
      this.#host.audit.record('token.refused', { address: this.#socket.address, reason: detail });
    }
    this.answer(errorText(error, { tag }));
    this.#failures++;
    if (this.#failures >= allowedFailures) this.#socket.close(closeCodes.policy);
  }

  #unverifiable(tag: number, thrown: unknown): void {
    const { log, platform } = this.#host;
    const error = toProtocolError(thrown, { log, platform, fields: { cmd: 'initialize' } });
    this.answer(errorText(error, { tag }));
    // What was half resumed is nothing to go on with.
    if (this.initialized && !this.#welcomed) this.#socket.close(closeCodes.overload);
  }

  /** 128 bits that nobody can guess. */
  #newHandle(): string {
    return Buffer.from(this.#host.platform.random.bytes(16)).toString('base64url');
  }
}
