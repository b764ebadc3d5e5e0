import type { JsonObject } from '@really/protocol/client';
import type { ClientPlatform, WebSocketLike } from './client-platform.js';
import type { UntypedModels } from './models.js';
import { Really, type ReallyOptions } from './really.js';

/** A message that the client sent. */
export interface SentMessage {
  readonly tag: number;
  readonly cmd: string;
  readonly r?: string;
  readonly rev?: number;
  readonly accessToken?: string;
  readonly received?: number;
  readonly 'connection-handle'?: string;
  // Tests look into messages freely.
  // biome-ignore lint/suspicious/noExplicitAny: a message is whatever the client sent
  readonly body?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly cmdOpts?: any;
}

/** A socket whose other end is the test. */
export class FakeSocket implements WebSocketLike {
  readonly url: string;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: SentMessage[] = [];
  isClosed = false;
  closeCode: number | undefined;

  constructor(url: string) {
    this.url = url;
  }

  send(text: string): void {
    if (this.isClosed) throw new Error('sent on a closed socket');
    this.sent.push(JSON.parse(text) as SentMessage);
  }

  close(code?: number): void {
    this.isClosed = true;
    this.closeCode = code;
  }

  open(): void {
    this.onopen?.(undefined as never);
  }

  /** The server sends this. */
  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** The server or the network ends it. */
  drop(code = 1006): void {
    this.isClosed = true;
    this.onclose?.({ code, reason: '' });
  }

  /** The last message of this command; throws where there is none. */
  last(cmd: string): SentMessage {
    const message = this.sent.findLast((sent) => sent.cmd === cmd);
    if (!message) throw new Error(`no ${cmd} was sent, but ${this.sent.map(({ cmd }) => cmd)}`);
    return message;
  }

  all(cmd: string): SentMessage[] {
    return this.sent.filter((sent) => sent.cmd === cmd);
  }

  /** Answers the last message of this command. */
  answer(cmd: string, members: object = {}): void {
    this.say({ tag: this.last(cmd).tag, ...members });
  }

  initialized(body: JsonObject = {}): void {
    const defaults = { 'connection-handle': 'h1', user: { uid: 'amal' }, epoch: 'e1' };
    this.answer('initialize', { evt: 'initialized', body: { ...defaults, ...body } });
  }
}

interface FakeTimer {
  /** When it is due. */
  readonly at: number;
  readonly run: () => void;
}

let worlds = 0;

/** Time, chance and sockets as a test wants them. */
export class FakeWorld {
  /** Of the wall clock; a test may set it. */
  wall = Date.UTC(2026, 0, 1);
  readonly sockets: FakeSocket[] = [];
  readonly warnings: string[] = [];
  wake: () => void = () => {};
  /** What the server says to a plain GET. */
  refusal: string | undefined;
  #elapsed = 0;
  /** Timers fire at multiples of it only, in milliseconds; 0: whenever they are due. */
  #grid = 0;
  #bytes = 0;
  readonly #timers = new Set<FakeTimer>();

  readonly platform: ClientPlatform = {
    WebSocket: this.#socketClass(),
    now: () => this.wall,
    elapsed: () => this.#elapsed,
    random: () => 0.5,
    randomBytes: (length) =>
      Uint8Array.from({ length }, () => (this.#bytes = (this.#bytes * 5 + 3) % 251)),
    setTimer: (milliseconds, run) => {
      const timer = { at: this.#elapsed + Math.max(0, milliseconds), run };
      this.#timers.add(timer);
      return () => this.#timers.delete(timer);
    },
    refusal: async () => this.refusal,
    onWake: (wake) => {
      this.wake = wake;
      return () => {
        this.wake = () => {};
      };
    },
    warn: (text) => this.warnings.push(text),
  };

  /** The newest socket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('there is no socket');
    return socket;
  }

  /** Other ids than those of the worlds before. */
  seedIds(): void {
    worlds += 1;
    this.#bytes = worlds;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time pass, with everything that is due in it. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#elapsed + milliseconds;
    for (;;) {
      await this.settle();
      const [next] = [...this.#timers].sort((a, b) => a.at - b.at);
      const at = next && (this.#grid ? Math.ceil(next.at / this.#grid) * this.#grid : next.at);
      if (!next || at === undefined || at > end) break;
      this.#advance(Math.max(at, this.#elapsed));
      this.#timers.delete(next);
      next.run();
    }
    this.#advance(end);
    await this.settle();
  }

  /** As in a page that nobody sees: timers that are due fire together, from time to time. 0: as in one that is seen. */
  timersFireEvery(milliseconds: number): void {
    this.#grid = milliseconds;
  }

  /** Time passes while timers are held back, as in a page that nobody sees; then they run. */
  async passLate(milliseconds: number): Promise<void> {
    this.#advance(this.#elapsed + milliseconds);
    await this.pass(0);
  }

  /** The device sleeps: the wall clock goes on, timers and the other clock do not. */
  sleep(milliseconds: number): void {
    this.wall += milliseconds;
  }

  client<Models = UntypedModels>(options: Partial<ReallyOptions> = {}): Really<Models> {
    return new Really<Models>('ws://test', { token: 'token', platform: this.platform, ...options });
  }

  /** A client with an initialized session. */
  async connected<Models = UntypedModels>(
    options: Partial<ReallyOptions> = {},
  ): Promise<Really<Models>> {
    const client = this.client<Models>(options);
    await this.reconnect();
    return client;
  }

  /** The attempt that is under way succeeds. */
  async reconnect(body: JsonObject = {}): Promise<void> {
    await this.settle();
    this.socket.open();
    this.socket.initialized(body);
    await this.settle();
  }

  /** The connection drops, and comes back after the pause. */
  async lose(body: JsonObject = {}): Promise<void> {
    this.socket.drop();
    await this.pass(400);
    await this.reconnect(body);
  }

  #advance(to: number): void {
    this.wall += to - this.#elapsed;
    this.#elapsed = to;
  }

  #socketClass(): ClientPlatform['WebSocket'] {
    const { sockets } = this;
    return class extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    };
  }
}
