import type { ClientPlatform, WebSocketLike } from '../client-platform.js';
import type { WireMessage } from '../wire-message.js';

export interface LinkTimes {
  /** Milliseconds from the first try to an initialized session. */
  readonly connect: number;
  /** Of silence, after which the server is asked whether it is there. */
  readonly silence: number;
  /** That the answer to it may take. */
  readonly answer: number;
  /** Without sending anything: the server counts what it receives, not what it pushes. */
  readonly idle: number;
}

/** A dead connection is noticed within silence and answer, and a second for a late timer. */
export const defaultLinkTimes: LinkTimes = {
  connect: 15_000,
  silence: 6_000,
  answer: 6_000,
  idle: 40_000,
};

export interface LinkListener {
  onOpen(): void;
  onMessage(message: WireMessage): void;
  /** Once, and nothing comes after it. `code`: the close code, where there is one. */
  onLost(reason: string, code?: number): void;
}

/** A timer that is so much late was held back, and what was received meanwhile may not be heard yet. */
const late = 2_500;
const grace = 1_000;

/**
 * One WebSocket from opening to its end, and the heartbeat on it. A socket that is given up says
 * nothing more, however long its close takes on a network that is gone.
 */
export class SocketLink {
  readonly #platform: ClientPlatform;
  readonly #listener: LinkListener;
  readonly #times: LinkTimes;
  readonly #socket: WebSocketLike;
  #phase: 'opening' | 'open' | 'ended' = 'opening';
  readonly #openedAt: number;
  #heardAt: number;
  #sentAt: number;
  /** Since when the answer to a ping is missing. */
  #askedAt: number | undefined;
  #hasGrace = false;
  #cancelTimer = () => {};

  constructor(
    platform: ClientPlatform,
    { url, times, listener }: { url: string; times: LinkTimes; listener: LinkListener },
  ) {
    this.#platform = platform;
    this.#listener = listener;
    this.#times = times;
    this.#openedAt = platform.elapsed();
    this.#heardAt = this.#openedAt;
    this.#sentAt = this.#openedAt;
    const socket = new platform.WebSocket(url);
    this.#socket = socket;
    let isOpen = false;
    socket.onopen = () => {
      isOpen = true;
      listener.onOpen();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    // Node.js 22 says nothing else of a socket that does not open.
    socket.onerror = () => {
      if (!isOpen) this.#lose('could not connect', 1006);
    };
    socket.onclose = ({ code, reason }) => this.#lose(reason || `closed (${code})`, code);
    this.#watch();
  }

  /** The session is initialized: from now on the server has to answer pings. */
  settle(): void {
    this.#phase = 'open';
    this.#watch();
  }

  send(message: object): void {
    this.#sentAt = this.#platform.elapsed();
    this.#socket.send(JSON.stringify(message));
  }

  /** The device may have slept or changed its network: the socket has to show that it is alive. */
  check(): void {
    if (this.#phase === 'open' && this.#askedAt === undefined) this.#ask();
  }

  end(code?: number): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#cancelTimer();
    const socket = this.#socket;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    // `ws` throws for an error that nobody listens to, and closing it while it opens is one.
    socket.onerror = () => {};
    socket.close(code);
  }

  #receive(data: unknown): void {
    this.#heardAt = this.#platform.elapsed();
    this.#askedAt = undefined;
    this.#hasGrace = false;
    this.#listener.onMessage(JSON.parse(String(data)) as WireMessage);
  }

  #lose(reason: string, code?: number): void {
    if (this.#phase === 'ended') return;
    this.end();
    this.#listener.onLost(reason, code);
  }

  #ask(): void {
    this.#askedAt = this.#platform.elapsed();
    this.send({ tag: 0, cmd: 'ping' });
    this.#watch();
  }

  #watch(): void {
    if (this.#phase === 'ended') return;
    this.#cancelTimer();
    const due = this.#due();
    const wait = Math.max(0, due - this.#platform.elapsed());
    this.#cancelTimer = this.#platform.setTimer(wait, () => this.#tick(due));
  }

  /** When something is to be done, unless something is heard or sent before. */
  #due(): number {
    const { connect, silence, answer, idle } = this.#times;
    if (this.#phase === 'opening') return this.#openedAt + connect;
    if (this.#askedAt !== undefined) return this.#askedAt + (this.#hasGrace ? grace : answer);
    return Math.min(this.#heardAt + silence, this.#sentAt + idle);
  }

  #tick(due: number): void {
    const now = this.#platform.elapsed();
    if (now < this.#due()) this.#watch();
    else if (this.#phase === 'opening') this.#lose('no answer while connecting');
    else if (this.#askedAt === undefined) this.#ask();
    else if (now - due <= late || this.#hasGrace) this.#lose('the server does not answer');
    else {
      this.#hasGrace = true;
      this.#askedAt = now;
      this.#watch();
    }
  }
}
