import { deepEqual, type JsonObject } from '@really/protocol/client';
import type { ClientPlatform } from '../client-platform.js';
import { transition } from '../state-machine.js';
import type { WireMessage } from '../wire-message.js';
import {
  type SessionEvent,
  type SessionInfo,
  type SessionState,
  type SessionUser,
  sessionTable,
} from './session-state.js';
import { type LinkTimes, SocketLink } from './socket-link.js';
import { type FetchedToken, fetchToken, type TokenOption } from './token-source.js';

export interface SessionListener {
  /** `resumed`: the server goes on with every subscription of the session before. */
  onReady(info: SessionInfo, resumed: boolean): void;
  /** By the token that the session was renewed with. */
  onUserChanged(): void;
  onMessage(message: WireMessage): void;
  onLost(reason: string): void;
  onUnauthorized(reason: string): void;
  onRefused(reason: string): void;
}

export interface SessionOptions {
  /** Of the socket. */
  readonly url: string;
  readonly token: TokenOption;
  readonly times: LinkTimes;
  /** The hash of the models that the types of the app were made from. */
  readonly models?: string | undefined;
}

/** Milliseconds before its end at which a token is renewed, at most; a third of its rest where that is less. */
const renewBefore = 60_000;
/** Between two attempts to renew a token that could not be fetched, or that expires at once. */
const renewPause = 2_000;

/** The reason where the user has to sign in: nothing went wrong. */
export const noToken = 'there is no token';

/** The tag of `initialize`; pings have 0, and requests begin after it. */
export const initializeTag = 1;

/**
 * The session with the server, over as many sockets as it takes: initializes each, resumes where the
 * last one ended, and renews the token on the open socket before it expires.
 */
export class ClientSession {
  readonly #platform: ClientPlatform;
  readonly #options: SessionOptions;
  readonly #listener: SessionListener;
  #state: SessionState = { state: 'none' };
  #link: SocketLink | undefined;
  #abort = new AbortController();
  #cancelRenewal = () => {};
  /** What the next socket resumes: the last handle, and how many pushes were received under it. */
  #resume: { readonly handle: string; received: number } | undefined;
  /** The clock is ahead: it says nothing about when the token ends. The server will. */
  #isClockAhead = false;
  /** The last session ended because its token did, or could not be renewed. */
  #isExpired = false;
  /** What is under way has a token from before somebody asked for a new one. */
  #isRenewalDue = false;

  constructor(platform: ClientPlatform, options: SessionOptions, listener: SessionListener) {
    this.#platform = platform;
    this.#options = options;
    this.#listener = listener;
  }

  /** While there is a session. */
  get info(): SessionInfo | undefined {
    const { state } = this;
    return state.state === 'ready' || state.state === 'renewing' ? state.info : undefined;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Fetches a token, opens a socket and initializes it. The listener hears how it ended. */
  open(): void {
    if (!this.#apply({ event: 'open' })) return;
    this.#abort = new AbortController();
    void this.#fetchToken((fetched) => {
      if (fetched.kind === 'token') this.#openSocket(fetched.token);
      else if (fetched.kind === 'none') this.#fail('onUnauthorized', noToken);
      else if (this.#isExpired) this.#fail('onUnauthorized', 'the token expired');
      else this.#fail('onLost', `no token: ${textOf(fetched.cause)}`);
    });
  }

  /** Only while there is a session. */
  send(message: object): void {
    this.#link?.send(message);
  }

  check(): void {
    this.#link?.check();
  }

  /** Asks for a token now and renews it on the open socket. */
  renew(): void {
    // Before the session is ready, and during another renewal, it is done after that.
    this.#isRenewalDue = this.#state.state !== 'ready';
    if (!this.#apply({ event: 'renew' })) return;
    this.#cancelRenewal();
    void this.#fetchToken((fetched) => this.#renewWith(fetched));
  }

  /** Ends the socket, if there is one, and says nothing to the listener. */
  end(code?: number): void {
    if (!this.#apply({ event: 'end' })) return;
    this.#isRenewalDue = false;
    this.#abort.abort();
    this.#cancelRenewal();
    this.#link?.end(code);
    this.#link = undefined;
  }

  /** Whether the state changed. */
  #apply(event: SessionEvent): boolean {
    const before = this.#state;
    this.#state = transition(sessionTable, before, event);
    return this.#state !== before;
  }

  #fail(outcome: 'onLost' | 'onUnauthorized' | 'onRefused', reason: string): void {
    // There may be another token since.
    const isAgain = this.#isRenewalDue && outcome === 'onUnauthorized';
    this.end(1000);
    this.#listener[isAgain ? 'onLost' : outcome](reason);
  }

  /** Calls back unless the session has ended meanwhile. */
  async #fetchToken(use: (fetched: FetchedToken) => void): Promise<void> {
    const { signal } = this.#abort;
    const cancel = this.#platform.setTimer(this.#options.times.connect, () =>
      settle({ kind: 'failed', cause: 'no answer' }),
    );
    let isSettled = false;
    const settle = (fetched: FetchedToken) => {
      if (isSettled) return;
      isSettled = true;
      cancel();
      if (!signal.aborted) use(fetched);
    };
    settle(await fetchToken(this.#options.token, signal));
  }

  #openSocket(token: string): void {
    this.#link = new SocketLink(this.#platform, {
      url: this.#options.url,
      times: this.#options.times,
      listener: {
        onOpen: () => this.#greet(token),
        onMessage: (message) => this.#receive(message),
        onLost: (reason, code) => {
          if (this.#state.state === 'opening' && code !== undefined) void this.#explain(reason);
          else {
            // What the server does not read it cannot answer.
            if (code === 1009) {
              this.#receive({ tag: -1, error: { code: 413, message: 'message.too.large' } });
            }
            this.#fail('onLost', reason);
          }
        },
      },
    });
  }

  /** Why a socket does not open is not known here: HTTP says whether it ever will. */
  async #explain(reason: string): Promise<void> {
    const { signal } = this.#abort;
    const refusal = await this.#platform.refusal(this.#options.url);
    if (signal.aborted) return;
    if (refusal === undefined) this.#fail('onLost', reason);
    else this.#fail('onRefused', refusal);
  }

  #greet(accessToken: string): void {
    this.#apply({ event: 'greet', token: accessToken });
    const { handle, received } = this.#resume ?? {};
    const resume = { 'connection-handle': handle, received };
    const { models } = this.#options;
    this.send({ tag: initializeTag, cmd: 'initialize', accessToken, models, ...resume });
  }

  #receive(message: WireMessage): void {
    if (message.tag === initializeTag) {
      this.#answered(message);
      return;
    }
    if (message.tag === undefined) {
      if (message.evt === 'token-expired') this.#isExpired = true;
      // An error without a tag that comes first is about an `initialize` that never will succeed.
      if (message.error && !this.info) {
        this.#fail('onRefused', message.error.message);
        return;
      }
      if (this.#resume && message.eph !== true) this.#resume.received += 1;
    }
    if (this.info) this.#listener.onMessage(message);
  }

  #answered({ error, body }: WireMessage): void {
    if (!error) this.#initialized(body ?? {});
    else if (error.code === 401) this.#tokenRefused(error.errors?.accessToken?.[0]);
    else if (this.info || error.code >= 429) this.#fail('onLost', error.message);
    else this.#fail('onRefused', error.message);
  }

  #initialized(body: JsonObject): void {
    const before = this.info;
    const info = sessionInfo(body, before?.user);
    this.#apply({ event: 'initialized', info });
    this.#isExpired = false;
    this.#isClockAhead = (info.expires ?? Number.POSITIVE_INFINITY) <= this.#platform.now();
    this.#planRenewal();
    if (!before) {
      this.#resume = { handle: info.handle, received: 0 };
      this.#link?.settle();
      this.#listener.onReady(info, body.resumed === true);
    } else if (before.user !== info.user) this.#listener.onUserChanged();
    if (this.#isRenewalDue) this.renew();
  }

  /** The first token may have expired on its way: another one gets a second try on the same socket. */
  #tokenRefused(detail = 'token.invalid'): void {
    const { state } = this;
    if (state.state !== 'initializing' || state.isSecond) {
      this.#fail('onUnauthorized', detail);
      return;
    }
    void this.#fetchToken((fetched) => {
      if (fetched.kind === 'token' && fetched.token !== state.token) this.#greet(fetched.token);
      else this.#fail('onUnauthorized', detail);
    });
  }

  #planRenewal(): void {
    this.#cancelRenewal();
    const expires = this.info?.expires;
    if (expires === undefined) return;
    const rest = expires - this.#platform.now();
    // A clock that is ahead must not make it renew again and again.
    const wait = rest > 0 ? Math.max(rest - renewBefore, (rest * 2) / 3) : 30_000;
    const due = this.#platform.now() + wait;
    this.#cancelRenewal = this.#platform.setTimer(wait, () => {
      // No timer lasts as long as some tokens.
      if (this.#platform.now() < due - renewPause) this.#planRenewal();
      else this.renew();
    });
  }

  #renewWith(fetched: FetchedToken): void {
    const expires = this.info?.expires ?? Number.POSITIVE_INFINITY;
    if (fetched.kind === 'token') {
      this.send({ tag: initializeTag, cmd: 'initialize', accessToken: fetched.token });
    } else if (fetched.kind === 'none') {
      this.#fail('onUnauthorized', noToken);
    } else if (!this.#isClockAhead && this.#platform.now() + renewPause >= expires) {
      this.#isExpired = true;
      this.#fail('onUnauthorized', `no token: ${textOf(fetched.cause)}`);
    } else {
      this.#apply({ event: 'postpone' });
      const wait = this.#isRenewalDue ? 0 : renewPause;
      this.#cancelRenewal = this.#platform.setTimer(wait, () => this.renew());
    }
  }
}

/** `known`: stays the same object where nothing of the user changed. */
function sessionInfo(body: JsonObject, known: SessionUser | undefined): SessionInfo {
  const user = body.user as unknown as SessionUser;
  return {
    handle: String(body['connection-handle']),
    user: known && deepEqual(known as never, user as never) ? known : user,
    epoch: String(body.epoch),
    models: body.models as string | undefined,
    expires: typeof body.expires === 'string' ? Date.parse(body.expires) : undefined,
  };
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
