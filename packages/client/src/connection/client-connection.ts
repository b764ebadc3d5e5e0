import type { ClientPlatform } from '../client-platform.js';
import { Observable } from '../observable.js';
import { transition } from '../state-machine.js';
import type { WireMessage } from '../wire-message.js';
import { backoff } from './backoff.js';
import { ClientSession, noToken, type SessionOptions } from './client-session.js';
import { type ConnectionEvent, type ConnectionState, connectionTable } from './connection-state.js';
import type { SessionInfo } from './session-state.js';
import { watchWake } from './wake-watch.js';

export interface ConnectionListener {
  onReady(info: SessionInfo, resumed: boolean): void;
  onMessage(message: WireMessage): void;
  /** There is no session any more; `onReady` comes again, unless the connection was closed. */
  onDown(): void;
}

/** Milliseconds that a connection has to last for the delay of the next attempt to start small again. */
const stable = 10_000;
/** An attempt that takes longer than that, in milliseconds, is made again when the device comes back. */
const patience = 3_000;

/** Keeps a session: connects, and after a loss again and again, until it is closed. */
export class ClientConnection {
  readonly changes = new Observable<[]>();
  readonly #platform: ClientPlatform;
  readonly #listener: ConnectionListener;
  readonly #session: ClientSession;
  readonly #stopWatch: () => void;
  #state: ConnectionState = { state: 'connecting', attempt: 0 };
  #connectedAt = 0;
  #connectingSince: number;
  #cancelRetry = () => {};

  constructor(platform: ClientPlatform, options: SessionOptions, listener: ConnectionListener) {
    this.#platform = platform;
    this.#listener = listener;
    this.#connectingSince = platform.elapsed();
    this.#session = new ClientSession(platform, options, {
      onReady: (info, resumed) => this.#ready(info, resumed),
      onUserChanged: () => this.changes.emit(),
      onMessage: (message) => listener.onMessage(message),
      onLost: (reason) => this.#lost(reason),
      onUnauthorized: (reason) => this.#apply({ event: 'unauthorized', reason }),
      onRefused: (reason) => this.#apply({ event: 'refuse', reason }),
    });
    this.#stopWatch = watchWake(platform, () => this.#wake());
    this.#session.open();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** While there is a session. */
  get info(): SessionInfo | undefined {
    return this.#session.info;
  }

  /** Sends on the session; only while there is one. */
  send(message: object): void {
    this.#session.send(message);
  }

  /** Tries now: after the user signed in, or without waiting for the next attempt. */
  connect(): void {
    this.#apply({ event: 'connect' });
  }

  /** Fetches a token now and renews the session with it; connects where there is none. */
  renew(): void {
    const { state } = this.#state;
    if (state === 'connecting' || state === 'connected') this.#session.renew();
    else this.connect();
  }

  close(): void {
    this.#stopWatch();
    this.#apply({ event: 'close', reason: 'closed by the app' });
  }

  #wake(): void {
    const { state } = this.#state;
    if (state === 'connected') this.#session.check();
    else if (state === 'connecting') this.#startOver();
    else if (state !== 'refused') this.connect();
  }

  /** An attempt that began on another network may hang until its time is over. */
  #startOver(): void {
    if (this.#platform.elapsed() - this.#connectingSince < patience) return;
    this.#session.end(1000);
    this.#connectingSince = this.#platform.elapsed();
    this.#session.open();
  }

  #ready(info: SessionInfo, resumed: boolean): void {
    this.#connectedAt = this.#platform.elapsed();
    // First: who hears of the change may read and subscribe at once.
    this.#apply({ event: 'initialized' }, () => this.#listener.onReady(info, resumed));
  }

  #lost(reason: string): void {
    const { state } = this;
    const before = 'attempt' in state ? state.attempt : 0;
    const lasted = state.state === 'connected' ? this.#platform.elapsed() - this.#connectedAt : 0;
    const attempt = lasted >= stable ? 0 : before;
    const wait = backoff(attempt, this.#platform.random());
    const retryAt = this.#platform.now() + wait;
    this.#apply({ event: 'lost', reason, retryAt, attempt: attempt + 1 });
  }

  #apply(event: ConnectionEvent, beforeTelling = () => {}): void {
    const before = this.#state;
    const after = transition(connectionTable, before, event);
    if (after === before) return;
    this.#state = after;
    this.#cancelRetry();
    if (after.state !== 'connecting' && after.state !== 'connected') this.#session.end(1000);
    if (before.state === 'connected') this.#listener.onDown();
    this.#enter(after);
    beforeTelling();
    this.changes.emit();
  }

  #enter(state: ConnectionState): void {
    const isRefused = state.state === 'refused' || state.state === 'needs-auth';
    if (isRefused && state.reason !== noToken) {
      this.#platform.warn(`really: ${state.state}: ${state.reason}`);
    }
    if (state.state === 'connecting') {
      this.#connectingSince = this.#platform.elapsed();
      this.#session.open();
    }
    if (state.state !== 'disconnected') return;
    const wait = state.retryAt - this.#platform.now();
    this.#cancelRetry = this.#platform.setTimer(wait, () => this.connect());
  }
}
