import {
  type Auth,
  closeCodes,
  costOfSubscriptions,
  fail,
  type InitializeRequest,
  type JsonObject,
  type ProtocolError,
  parseInitialize,
  parseR,
  parseRequest,
  readEnvelope,
} from '@really/protocol';
import { recordSubscribed } from '../../auth/audit.js';
import { isSameAuth } from '../../auth/same-auth.js';
import type { TokenRefusal, ValidToken, Verified } from '../../auth/tokens.js';
import type { Frame, SentPush } from '../../live/push/frame.js';
import type { PushTarget } from '../../live/push-target.js';
import { typesOfModels } from '../../model/typescript/types-of-models.js';
import { toProtocolError } from '../../objects/to-protocol-error.js';
import { inOnePiece, type Steps } from '../../platform/scheduling/tick-slice.js';
import { chargeScriptsToOwner } from '../../queries/owner.js';
import type { AppDeps } from '../app-deps.js';
import { CommandsInFlight, type InFlightOwner } from '../dispatch/commands-in-flight.js';
import { costOf, costOfMembers } from '../dispatch/message-cost.js';
import { reservableShares, reserveFor } from '../dispatch/output-reservation.js';
import type { Payer } from '../dispatch/owner-queues.js';
import { priceOf } from '../dispatch/priced-responses.js';
import type { TokenHolder } from '../resume/active-tokens.js';
import { PushBuffer } from '../resume/push-buffer.js';
import {
  type ConnectedSession,
  newHandle,
  type ResumeClaim,
} from '../resume/resumable-sessions.js';
import { resumeBacklog } from '../resume/resume-backlog.js';
import { SeenRights } from '../resume/seen-rights.js';
import { networkOf } from '../server/address-network.js';
import { HeldPushes } from './held-pushes.js';
import { type MessageSize, noSize } from './parse-message.js';
import { errorText, fixedFrames, frameOf, initializedText } from './response.js';

/** A connection as its session sees it. Tests use a plain object. */
export interface SessionSocket extends Payer {
  readonly address: string;
  readonly congested: boolean;
  send(frame: Buffer): void;
  /** False: output waits already, and this was left out, as it is not the last of its kind. */
  sendEphemeral(frame: Pick<Frame, 'bytes'>, isLast: boolean): boolean;
  /** Whether the client is pinged, and disconnected if it does not answer. */
  watchLife(isWatched: boolean): void;
  close(code: number): void;
  /** The uid is known from now on. */
  onAuthenticated(uid: string): void;
  /** Reads nothing for this many milliseconds. */
  pauseFor(time: number): void;
  /** The session was busy and takes messages again. */
  proceed(): void;
}

/**
 *   greeting --initialize--> ready --initialize--> ready (renewed)
 *      |                       |
 *      +---------end-----------+------> closed
 */
type SessionState =
  | { readonly kind: 'greeting'; readonly auth: undefined }
  | { readonly kind: 'ready'; readonly auth: Auth; readonly handle: string }
  | { readonly kind: 'closed'; readonly auth: Auth | undefined };

const greeting: SessionState = { kind: 'greeting', auth: undefined };

/** Failed attempts to initialize after which the socket is closed (rule SES3). */
const allowedFailures = 5;

/** How often a resume checks rights that change meanwhile. */
const maxChecks = 5;

/** A socket's session (rules SES1 to SES10): who the client is, and what it may send when. */
export class Session implements PushTarget, InFlightOwner, ConnectedSession, TokenHolder {
  readonly #deps: AppDeps;
  readonly #socket: SessionSocket;
  #state: SessionState = greeting;
  #verifying = false;
  #failures = 0;
  #inFlight: CommandsInFlight | undefined;
  /** Created with the first push. */
  #pushBuffer: PushBuffer | undefined;
  /** Exists while nothing may be read for its subscriptions: resolves once the rate allows it. */
  #rateWait: Promise<void> | undefined;
  #endRateWait: (() => void) | undefined;
  /** Exists while a resume waits until its uid can pay for it. */
  #stopWaiting: (() => void) | undefined;
  /** Created with the first write. */
  #heldPushes: HeldPushes | undefined;
  #initializeCompleted = false;

  constructor(deps: AppDeps, socket: SessionSocket) {
    this.#deps = deps;
    this.#socket = socket;
  }

  /** The client's auth. Only asked for once it is initialized. */
  get auth(): Auth {
    const { auth } = this.#state;
    if (!auth) throw new Error('auth was read before the session was initialized');
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
    if (this.#state.kind === 'closed' || this.#socket.congested || this.#rateWait) return true;
    return this.#heldPushes?.congested ?? false;
  }

  /**
   * True while the next message has to wait: for token verification, for a free slot among the
   * commands in flight (rule LIM2), or for the client to read its responses (rule LIM4).
   */
  get busy(): boolean {
    if (this.#verifying || this.#socket.congested) return true;
    const inFlight = this.#inFlight;
    return (
      inFlight !== undefined &&
      (inFlight.count >= this.#deps.limits.inFlight || inFlight.reserved >= reservableShares)
    );
  }

  get heldBytes(): number {
    return this.#inFlight?.held ?? 0;
  }

  /** True if the uid is not known, and no token is being verified. */
  get isUnauthenticated(): boolean {
    return this.#state.kind === 'greeting' && !this.#verifying;
  }

  get idle(): boolean {
    return !this.#verifying && !this.#inFlight;
  }

  push(frame: Frame): void {
    if (!this.open) return;
    if (this.#heldPushes) this.#heldPushes.push(frame);
    else this.#sendPush(frame.sent);
  }

  pushEphemeral(frame: Frame, isLast = false): boolean {
    return this.open && this.#socket.sendEphemeral(frame, isLast);
  }

  watchLife(isWatched: boolean): void {
    this.#socket.watchLife(isWatched);
  }

  holdPushes(): () => void {
    this.#heldPushes ??= new HeldPushes((frame) => this.#sendPush(frame.sent));
    const release = this.#heldPushes.hold();
    return () => {
      const wasCongested = this.congested;
      release();
      if (wasCongested && !this.congested) this.onDrain();
    };
  }

  charge(bytes: number): Promise<void> | undefined {
    const price = priceOf(bytes);
    return price === 0 ? undefined : this.#pay(price);
  }

  untilPaid(): Promise<void> | undefined {
    // Without a payment of its own its socket would not see when that is.
    return this.#isInDebt ? this.#pay(0) : undefined;
  }

  get #isInDebt(): boolean {
    return this.open && this.#socket.roomAt > this.#deps.platform.clock.monotonic();
  }

  #pay(price: number): Promise<void> | undefined {
    this.#socket.pay(price);
    if (!this.#isInDebt) return undefined;
    this.#rateWait ??= new Promise((resolve) => {
      this.#endRateWait = resolve;
    });
    return this.#rateWait;
  }

  /** The rate limit allows input, and reads for its subscriptions, again. */
  onRateRecovered(): void {
    this.#endRateWait?.();
    const wasWaiting = this.#rateWait !== undefined;
    this.#rateWait = undefined;
    this.#endRateWait = undefined;
    if (wasWaiting && !this.congested) this.onDrain();
  }

  discardSent(key: string): void {
    this.#pushBuffer?.outdate(key);
  }

  get uid(): string | undefined {
    return this.#state.kind === 'ready' ? this.#state.auth.uid : undefined;
  }

  evict(): void {
    this.#socket.close(closeCodes.policy);
  }

  get payer(): Payer {
    return this.#socket;
  }

  respond(text: string): void {
    this.#socket.send(frameOf(text));
  }

  /** Handles a message and answers it exactly once. `bytes`: its length. Not while `busy`. */
  handle(message: JsonObject, bytes: number, size = noSize): void {
    try {
      this.#dispatch(message, bytes, size);
    } catch (thrown) {
      const fields = typeof message.traceId === 'string' ? { traceId: message.traceId } : {};
      this.refuse(message, toProtocolError(thrown, this.#deps, fields));
    }
  }

  /** Sends a refusal of a message in order, with its tag and R if they are usable. */
  refuse(message: JsonObject, error: ProtocolError): void {
    const { tag, cmd } = readEnvelope(message);
    const r = this.initialized ? parseR(message.r)?.r : undefined;
    // Without tag or command it is not a request, so only the tag is returned (rule ENV3).
    const isRequest = tag !== undefined && cmd !== undefined;
    const text = errorText(error, { tag, r: isRequest ? r : undefined });
    if (r !== undefined && this.#inFlight) this.#inFlight.refuse(text, r);
    else if (tag === undefined) this.#sendPush({ bytes: frameOf(text) });
    else this.respond(text);
  }

  onRevoked(): void {
    this.expire();
  }

  /** The token has expired or was revoked (rule SES10). */
  expire(): void {
    if (!this.initialized) return;
    this.#sendPush({ bytes: fixedFrames.tokenExpired });
    this.#socket.close(closeCodes.policy);
  }

  /** The client has read the waiting output. */
  onDrain(): void {
    if (this.initialized) this.#deps.live.onDrain(this);
  }

  /**
   * The connection is closing: drops all its state. Commands in flight end by themselves, and those
   * that only read end early.
   * `isFinal`: the client said that it goes.
   */
  end({ isFinal }: { readonly isFinal: boolean }): void {
    const state = this.#state;
    if (state.kind === 'closed') return;
    this.#state = { kind: 'closed', auth: state.auth };
    this.#endRateWait?.();
    this.#stopWaiting?.();
    if (state.kind !== 'ready') return;
    // They count as sent, so a resume sends them again.
    for (const frame of this.#heldPushes?.takeAll() ?? []) this.#buffer(frame.sent);
    const { tokenTimers, resumableSessions, live, rooms, activeTokens } = this.#deps;
    tokenTimers.clear(this);
    const token = activeTokens.untrack(this);
    resumableSessions.park(state.handle, () => ({
      token,
      auth: state.auth,
      address: this.address,
      subscriptions: live.park(this),
      rooms: isFinal ? undefined : rooms.park(this),
      sent: this.#pushBuffer,
    }));
    live.drop(this);
    rooms.drop(this);
    this.#inFlight?.abandon();
  }

  onSettled(): void {
    if (this.#inFlight?.count === 0) {
      this.#inFlight = undefined;
      // A subscribe or join may have ended after the connection did.
      if (!this.open) this.#deps.live.drop(this);
      if (!this.open) this.#deps.rooms.drop(this);
    }
    this.#socket.proceed();
  }

  #dispatch(message: JsonObject, bytes: number, { members, memory }: MessageSize): void {
    const { cmd, tag } = readEnvelope(message);
    const { address } = this.#socket;
    const { uid } = this;
    const cost = uid === undefined ? costOfMembers(members) : costOf(message, members);
    const retryAfter = this.#deps.rates.take(address, uid, cost);
    if (retryAfter > 0) {
      this.refuse(message, fail.rateLimited(retryAfter));
      this.#socket.pauseFor(this.#deps.rates.refuse(address, uid) * 1000);
    } else if (cmd === 'initialize') {
      this.#initialize(message, tag);
    } else if (tag === undefined || cmd === undefined) {
      this.refuse(message, fail('request.invalid'));
    } else if (!this.initialized) {
      this.refuse(message, fail('initialize.required'));
    } else if (cmd === 'ping' || cmd === 'poke') {
      this.#ping(message, tag);
    } else {
      this.#command(message, bytes, memory);
    }
  }

  #ping(message: JsonObject, tag: number): void {
    const parsed = parseRequest(message);
    if (!parsed.ok) this.refuse(message, parsed.error);
    else if (parsed.request.cmd === 'ping') {
      const { timestamp } = parsed.request;
      this.respond(JSON.stringify({ tag, evt: 'pinged', timestamp }));
    }
  }

  #command(message: JsonObject, bytes: number, memory: number): void {
    const parsed = this.#deps.commands.parse(message);
    if (!parsed.ok) {
      this.#deps.metrics.command('invalid', String(parsed.error.code), 0);
      this.refuse(message, parsed.error);
      return;
    }
    this.#inFlight ??= new CommandsInFlight(this.#deps, this);
    const { request } = parsed;
    const reserved = reserveFor(request.cmd, bytes, this.#deps.limits);
    this.#inFlight.run(request, reserved, bytes + memory);
  }

  #initialize(message: JsonObject, tag: number | undefined): void {
    if (tag === undefined) {
      this.#sendPush({ bytes: frameOf(errorText(fail('initialize.invalid'))) });
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
      const verified = await this.#deps.tokens.verify(request.accessToken);
      if (this.open) await this.#verified(request, verified);
    } catch (thrown) {
      if (this.open) this.#failVerify(request.tag, thrown);
    }
  }

  async #verified(request: InitializeRequest, verified: Verified): Promise<void> {
    const { tag, handle } = request;
    if (!verified.ok) return this.#failInitialize(tag, verified.detail);
    const isOther = this.uid !== undefined && this.uid !== verified.auth.uid;
    if (isOther) return this.#failInitialize(tag, 'token.invalid');
    chargeScriptsToOwner({ auth: verified.auth, address: this.address });
    if (this.initialized || handle === undefined) this.#completeInitialize(request, verified);
    else await this.#resume({ ...request, handle }, verified);
  }

  /** Section RES: takes over the session of an earlier connection of this user. */
  async #resume(
    request: InitializeRequest & { handle: string },
    verified: ValidToken,
  ): Promise<void> {
    const { handle, received } = request;
    const { resumableSessions, live, rooms } = this.#deps;
    const { auth } = verified;
    const claim = resumableSessions.claim(handle, auth.uid);
    if (claim) await this.#untilAffordable(auth.uid, claim.session.subscriptions.length);
    const parked = claim && this.open ? resumableSessions.take(claim) : undefined;
    // While this waited, its socket has closed, or the session was dropped.
    if (claim && !parked) this.#giveBack(claim, auth.uid);
    if (!this.open) return;
    if (!parked) return this.#completeInitialize(request, verified, false);
    this.#state = { kind: 'ready', auth, handle: newHandle(this.#deps.platform.random) };
    // What is read from here on is paid by the uid, and not at the rate of a socket that nobody knows.
    this.#socket.onAuthenticated(auth.uid);
    const beginRooms = parked.rooms && rooms.resume(this, parked.rooms);
    const rights = new SeenRights(this.#deps, auth);
    const backlog = await this.#inSlices(resumeBacklog(parked, received, rights.isSeen));
    if (!this.open) return;
    if (!backlog) {
      if (parked.rooms) rooms.release(parked.rooms);
      return this.#completeInitialize(request, verified, false);
    }
    const begin = await live.resume(this, backlog.subscriptions);
    // The rights may have changed meanwhile, so that earlier pushes may no longer be sent.
    for (let attempt = 1; this.open && rights.haveChanged; attempt++) {
      const check = rights.seesAll(backlog.seenUnder);
      // The last one in one piece, so that nothing changes meanwhile.
      const mayBeSent = attempt < maxChecks ? await this.#inSlices(check) : inOnePiece(check);
      if (!mayBeSent) return this.#socket.close(closeCodes.overload);
      if (attempt === maxChecks) break;
    }
    if (!this.open) return;
    this.#completeInitialize(request, verified, true);
    for (const frame of backlog.frames) this.#sendPush(frame);
    begin();
    beginRooms?.();
  }

  /** Subscribing again costs as much as subscribing (rule LIM43), also from ever new sockets. */
  async #untilAffordable(uid: string, subscriptions: number): Promise<void> {
    const { rates, platform } = this.#deps;
    const commands = costOfSubscriptions(subscriptions);
    const time = rates.renewed(this.#socket.address, uid, commands);
    if (time === 0) return;
    await new Promise<void>((resolve) => {
      const timer = platform.timers.after(time, resolve);
      this.#stopWaiting = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#stopWaiting = undefined;
  }

  /** The resume does not begin. */
  #giveBack(claim: ResumeClaim, uid: string): void {
    const { rates, resumableSessions } = this.#deps;
    const commands = costOfSubscriptions(claim.session.subscriptions.length);
    rates.giveBackRenewed(this.#socket.address, uid, commands);
    resumableSessions.giveBack(claim);
  }

  #inSlices<T>(steps: Steps<T>): Promise<T> {
    return this.#deps.live.inSlices(steps, this.address);
  }

  #completeInitialize(
    { tag, asksModels }: InitializeRequest,
    { auth: verified, token, expires }: ValidToken,
    resumed?: boolean,
  ): void {
    const state = this.#state;
    const handle = state.kind === 'ready' ? state.handle : newHandle(this.#deps.platform.random);
    const before = state.kind === 'ready' && resumed === undefined ? state.auth : undefined;
    // Rights that are known by this object stay known.
    const auth = before && isSameAuth(before, verified) ? before : verified;
    this.#failures = 0;
    this.#initializeCompleted = true;
    this.#state = { kind: 'ready', auth, handle };
    this.#socket.onAuthenticated(auth.uid);
    this.#deps.resumableSessions.register(handle, this);
    this.#deps.metrics.command('initialize', 'ok', 0);
    const { epoch } = this.#deps.live;
    const models = asksModels ? typesOfModels(this.#deps.models()).hash : undefined;
    this.respond(initializedText(tag, { handle, auth, epoch, expires, resumed, models }));
    if (expires === undefined) this.#deps.tokenTimers.clear(this);
    else this.#deps.tokenTimers.set(this, expires);
    if (!this.#deps.activeTokens.track(this, token)) this.expire();
    else if (before && before !== auth) this.#reauthorized(auth.uid);
    if (auth.admin) this.#auditAdmin(auth.uid);
  }

  /** Rule ADM9: from now on its subscriptions show everything. */
  #auditAdmin(uid: string): void {
    const { audit, live } = this.#deps;
    const { address } = this.#socket;
    audit.record('admin.session', { address, uid });
    recordSubscribed(audit, { address, uid }, live.subscribedRs(this));
  }

  #reauthorized(uid: string): void {
    const { live, rooms, rates } = this.#deps;
    const commands = live.authChanged(this) + rooms.authChanged(this);
    const time = rates.renewed(this.#socket.address, uid, commands);
    if (time > 0) this.#socket.pauseFor(time);
  }

  /** Sends a push: a message without a tag, which the client counts. */
  #sendPush(push: SentPush): void {
    this.#buffer(push);
    this.#socket.send(push.bytes);
  }

  #buffer(push: SentPush): void {
    this.#pushBuffer ??= new PushBuffer(this.#deps.limits);
    this.#pushBuffer.add(push);
  }

  #failInitialize(tag: number, detail: TokenRefusal): void {
    const error = fail('invalid/incorrect/expired access token', { accessToken: [detail] });
    this.#deps.metrics.command('initialize', String(error.code), 0);
    if (detail !== 'token.missing') {
      this.#deps.audit.record('token.refused', { address: this.#socket.address, reason: detail });
    }
    this.respond(errorText(error, { tag }));
    this.#failures++;
    if (this.#failures >= allowedFailures) this.#socket.close(closeCodes.policy);
  }

  #failVerify(tag: number, thrown: unknown): void {
    const error = toProtocolError(thrown, this.#deps, { cmd: 'initialize' });
    this.respond(errorText(error, { tag }));
    // A session that is only partly resumed cannot continue.
    if (this.initialized && !this.#initializeCompleted) this.#socket.close(closeCodes.overload);
  }
}
