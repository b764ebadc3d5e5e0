import type { Actor, JsonObject } from '@really/protocol/client';
import { retryDelay } from '../connection/backoff.js';
import { Observable } from '../observable.js';
import type { PartContext } from '../part-context.js';
import { clientError, isTooLarge, type ReallyError, serverError } from '../really-error.js';
import type { RequestOptions } from '../requests/reads.js';
import type { Outcome } from '../requests/requests.js';
import type { WireMessage } from '../wire-message.js';
import { askAgain } from '../writes/ask-again.js';

/** A connection in a room. */
export interface RoomMember<State = JsonObject> {
  readonly id: string;
  /** Set by the server: see `opBy`. */
  readonly user: Actor;
  readonly state: State;
}

export type RoomStatus =
  /** Not yet, or not any longer, connected: the members are those that were known last. */
  | 'joining'
  | 'joined'
  /** The server refused or ended it: `error` says why. It is asked for again in the next session. */
  | 'failed'
  | 'left';

export interface RoomSnapshot<State = JsonObject> {
  readonly status: RoomStatus;
  /** Oneself, with the state as it is here; `undefined` while it is not known, or one only watches. */
  readonly me: RoomMember<State> | undefined;
  readonly others: readonly RoomMember<State>[];
  /** How many there are, oneself included; of very many, `others` has the first. */
  readonly count: number;
  /** Why the room failed, or why the last change of the state was refused. */
  readonly error: ReallyError | undefined;
}

/** A message to a room. */
export interface RoomMessage<Data = unknown> {
  readonly event: string;
  readonly data: Data;
  /** The id of the sender, if it is in the room; that of `me` for one's own. */
  readonly member: string | undefined;
  readonly by: Actor;
}

interface PresenceBody {
  readonly members?: readonly RoomMember[];
  readonly joined: readonly RoomMember[];
  readonly changed: readonly Omit<RoomMember, 'user'>[];
  readonly left: readonly string[];
  readonly count: number;
}

interface RoomOptions<State> {
  readonly r: string;
  readonly state: State | undefined;
  /** `before`: what it was. */
  readonly onLeft: (before: RoomStatus) => void;
}

/**
 * Who is at an object, and messages between them: docs/presence.md. It survives lost connections, until it is left.
 * `Events`: the data of each message by its name.
 */
export class Room<State extends object = JsonObject, Events extends object = JsonObject> {
  readonly r: string;
  readonly #context: PartContext;
  readonly #initial: JsonObject | undefined;
  readonly #onLeft: RoomOptions<State>['onLeft'];
  readonly #changes = new Observable<[]>();
  readonly #messages = new Observable<[RoomMessage]>();
  #status: RoomStatus = 'joining';
  #error: ReallyError | undefined;
  #id: string | undefined;
  /** The state as it should be; `undefined`: only watching. */
  #state: JsonObject | undefined;
  /** What the server has accepted of it. */
  #accepted: JsonObject | undefined;
  /** What of it was not sent yet. */
  #unsent: JsonObject | undefined;
  #isSending = false;
  #members = new Map<string, RoomMember>();
  #count = 0;
  #snapshot: RoomSnapshot<State> | undefined;
  #forget = () => {};

  constructor(context: PartContext, { r, state, onLeft }: RoomOptions<State>) {
    this.r = r;
    this.#context = context;
    this.#initial = state && ({ ...state } as JsonObject);
    this.#state = this.#initial;
    this.#onLeft = onLeft;
    this.up();
  }

  getSnapshot(): RoomSnapshot<State> {
    if (this.#snapshot) return this.#snapshot;
    const members = [...this.#members.values()] as unknown as RoomMember<State>[];
    const own = members.find(({ id }) => id === this.#id);
    this.#snapshot = {
      status: this.#status,
      me: own && { ...own, state: this.#state as State },
      others: members.filter(({ id }) => id !== this.#id),
      count: this.#count,
      error: this.#error,
    };
    return this.#snapshot;
  }

  /** Calls the listener at every change. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    return this.#changes.subscribe(listener);
  }

  get me(): RoomMember<State> | undefined {
    return this.getSnapshot().me;
  }

  get others(): readonly RoomMember<State>[] {
    return this.getSnapshot().others;
  }

  get status(): RoomStatus {
    return this.#status;
  }

  /** Changes members of the own state; null removes one. Shown at once, and sent as fast as the connection takes it. */
  present(change: { readonly [Name in keyof State]?: State[Name] | null | undefined }): void {
    const added = Object.fromEntries(
      Object.entries(change).filter(([, value]) => value !== undefined),
    ) as JsonObject;
    this.#state = merged(this.#state, added);
    this.#unsent = { ...this.#unsent, ...added };
    this.#changed();
    this.#sendState();
  }

  /** Sends a message to all who watch, oneself too. Resolves when the server accepted it; it is not sent again. */
  async send<Name extends Extract<keyof Events, string>>(
    event: Name,
    data?: Events[Name],
    { signal, timeout = this.#context.timeout }: Pick<RequestOptions, 'signal' | 'timeout'> = {},
  ): Promise<void> {
    const { r } = this;
    const { platform, requests } = this.#context;
    let end = () => {};
    const abort = () => clientError('aborted', { r, cause: signal?.reason });
    if (signal?.aborted) throw abort();
    const outcome = await new Promise<Outcome>((resolve) => {
      const fail = (error: ReallyError) => resolve({ kind: 'error', error });
      const late = () => fail(clientError('request.timeout', { r, retry: 'backoff' }));
      const onAbort = () => fail(abort());
      const cancel = platform.setTimer(timeout, late);
      const forget = requests.start({ cmd: 'send', r, body: { event, data } }, resolve);
      signal?.addEventListener('abort', onAbort);
      end = () => {
        cancel();
        forget();
        signal?.removeEventListener('abort', onAbort);
      };
    });
    end();
    if (outcome.kind === 'error') throw outcome.error;
    if (outcome.kind === 'lost') throw clientError('connection.lost', { r, retry: 'now' });
  }

  /** Calls the listener with each message of this name. Returns what ends that. */
  on<Name extends Extract<keyof Events, string>>(
    event: Name,
    listener: (message: RoomMessage<Events[Name]>) => void,
  ): () => void {
    return this.#messages.subscribe((message) => {
      if (message.event === event) listener(message as RoomMessage<Events[Name]>);
    });
  }

  leave(): void {
    const before = this.#status;
    if (before === 'left') return;
    this.#forget();
    this.#empty();
    this.#status = 'left';
    // Before listeners hear it: they may ask for the room again.
    this.#onLeft(before);
    this.#changed();
  }

  /**
   * There is a session. A resumed one is in the room already; joining again changes nothing then. What failed may be
   * allowed now. `isLast`: own writes are no reason to ask again.
   */
  up(isLast = false): void {
    if (this.#status === 'left') return;
    if (this.#status === 'failed') {
      if (isTooLarge(this.#error)) return;
      this.#restart();
    }
    this.#unsent = undefined;
    const { requests, writes } = this.#context;
    const { r } = this;
    const state = this.#state;
    const body = state ? { state } : {};
    const { commits } = writes;
    this.#forget = requests.start({ cmd: 'join', r, body }, (outcome) => {
      if (outcome.kind === 'answer') this.#joined(outcome.message, state);
      if (outcome.kind !== 'error') return;
      const again = () => this.#again();
      const options = { context: this.#context, before: commits, again };
      if (isLast || !askAgain(outcome.error, options)) this.#refused(outcome.error);
    });
  }

  #again(): void {
    if (this.#status === 'joining') this.up(true);
  }

  /** The app asks for it again after it failed. */
  reopen(): void {
    this.#restart();
    this.up();
  }

  down(): void {
    this.#forget();
    this.#isSending = false;
    if (this.#status === 'joined') this.#set('joining');
  }

  /** The next session is of another user. */
  forget(): void {
    this.#state = this.#initial;
    this.#empty();
    this.#restart();
  }

  receive({ evt, body, meta, error }: WireMessage): void {
    if (this.#status !== 'joined') return;
    if (evt === 'presence') this.#fold(body as unknown as PresenceBody);
    else if (evt === 'failed' && error) this.#refused(serverError(error, this.r, meta?.retryAfter));
    else if (evt === 'sent') {
      const { event, data } = body as unknown as RoomMessage;
      const by = meta?.opBy as Actor;
      this.#messages.emit({ event, data, member: meta?.member, by });
    }
  }

  #joined({ body }: WireMessage, state: JsonObject | undefined): void {
    this.#accepted = state;
    this.#id = body?.me as string;
    this.#status = 'joined';
    this.#error = undefined;
    this.#fold(body as unknown as PresenceBody);
    this.#sendState();
  }

  #fold({ members, joined, changed, left, count }: PresenceBody): void {
    if (members) this.#members = new Map(members.map((member) => [member.id, member]));
    else {
      for (const member of joined) this.#members.set(member.id, member);
      for (const change of changed) {
        const before = this.#members.get(change.id);
        if (before) this.#members.set(change.id, { ...before, ...change });
      }
      for (const id of left) this.#members.delete(id);
    }
    this.#count = count;
    this.#changed();
  }

  /** One change at a time: what comes meanwhile is gathered. */
  #sendState(): void {
    const body = this.#unsent;
    if (!body || this.#isSending || this.#status !== 'joined') return;
    this.#unsent = undefined;
    this.#isSending = true;
    const { r } = this;
    this.#forget = this.#context.requests.start({ cmd: 'present', r, body }, (outcome) => {
      this.#isSending = false;
      if (outcome.kind === 'error') this.#notPresented(body, outcome.error);
      else if (outcome.kind === 'answer') this.#presented(body);
    });
  }

  #presented(body: JsonObject): void {
    this.#accepted = merged(this.#accepted, body);
    if (this.#error) {
      this.#error = undefined;
      this.#changed();
    }
    this.#sendState();
  }

  #notPresented(body: JsonObject, error: ReallyError): void {
    if (error.retry === 'backoff') {
      this.#unsent = { ...body, ...this.#unsent };
      this.#later(error, () => this.#sendState());
      return;
    }
    // Shows what the others see, and what came since.
    this.#state = this.#unsent ? merged(this.#accepted, this.#unsent) : this.#accepted;
    this.#error = error;
    this.#changed();
    this.#sendState();
  }

  #refused(error: ReallyError): void {
    this.#error = error;
    if (error.retry !== 'backoff') {
      this.#forget();
      this.#empty();
      this.#set('failed');
      return;
    }
    this.#set('joining');
    this.#later(error, () => this.up());
  }

  #later({ retryAfter }: ReallyError, run: () => void): void {
    const { platform } = this.#context;
    this.#forget = platform.setTimer(retryDelay(platform, retryAfter), run);
  }

  #restart(): void {
    this.#error = undefined;
    this.#set('joining');
  }

  #empty(): void {
    this.#members = new Map();
    this.#count = 0;
  }

  #set(status: RoomStatus): void {
    this.#status = status;
    this.#changed();
  }

  #changed(): void {
    this.#snapshot = undefined;
    this.#changes.emit();
  }
}

function merged(state: JsonObject | undefined, change: JsonObject): JsonObject {
  const all = Object.entries({ ...state, ...change });
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}
