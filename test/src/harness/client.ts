import type { Socket } from 'node:net';
import type { JsonObject } from '@really/protocol';
import WebSocket from 'ws';

/** A message of the server's, as it came. */
export interface ServerMessage {
  tag?: number;
  evt?: string;
  r?: string;
  rev?: number;
  meta?: { [member: string]: unknown };
  // Tests look into bodies freely.
  // biome-ignore lint/suspicious/noExplicitAny: a message is whatever the server said
  body?: any;
  error?: {
    code: number;
    message: string;
    errors?: Record<string, string[]>;
    id?: string;
  };
}

/**
 * A raw client: one socket, requests answered by tag, pushes in the order of their coming. It knows
 * nothing of the protocol but tags, so that a test sees what the server really said.
 */
export class Client implements Disposable {
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Everything that came without a tag and was not taken by `nextPush` yet. */
  readonly pushes: ServerMessage[] = [];
  readonly #answers = new Map<number, (message: ServerMessage) => void>();
  readonly #waiting: (() => void)[] = [];
  #tag = 0;
  #isClosed = false;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        this.#isClosed = true;
        this.#wake();
        resolve({ code, reason: reason.toString() });
      });
    });
    socket.on('message', (data) => this.#take(JSON.parse(data.toString()) as ServerMessage));
    socket.on('error', () => {});
  }

  /** Opens a socket and says nothing on it. */
  static async open(
    url: string,
    options: { localAddress?: string; headers?: Record<string, string> } = {},
  ): Promise<Client> {
    const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
    const client = new Client(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** Opens a socket and initializes it; with no token, an anonymous one is fetched. */
  static async connect(url: string, accessToken?: string): Promise<Client> {
    const client = await Client.open(url);
    const token = accessToken ?? (await anonymousToken(url));
    const answer = await client.request({ cmd: 'initialize', accessToken: token });
    if (answer.evt !== 'initialized') throw new Error(`not initialized: ${JSON.stringify(answer)}`);
    return client;
  }

  /** Sends a request under a tag of its own and resolves with the answer; rejects when the socket closes first. */
  request(message: JsonObject): Promise<ServerMessage> {
    const tag = ++this.#tag;
    return new Promise((resolve, reject) => {
      this.#answers.set(tag, resolve);
      void this.closed.then(({ code }) =>
        reject(new Error(`closed with ${code} before the answer`)),
      );
      this.send({ tag, ...message });
    });
  }

  /** As `request` for each, all in one write, so that the server reads them together. */
  requestTogether(messages: readonly JsonObject[]): Promise<ServerMessage[]> {
    // `ws` shows the socket below to nobody.
    const { _socket: socket } = this.socket as unknown as { readonly _socket: Socket };
    socket.cork();
    const answers = messages.map((message) => this.request(message));
    socket.uncork();
    return Promise.all(answers);
  }

  send(message: JsonObject | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The next message without a tag. Rejects when the socket closes or nothing comes in time. */
  async nextPush(patience = 120_000): Promise<ServerMessage> {
    const deadline = performance.now() + patience;
    for (;;) {
      const push = this.pushes.shift();
      if (push !== undefined) return push;
      if (this.#isClosed) throw new Error('closed while waiting for a push');
      await this.#change(deadline);
    }
  }

  /** Everything pushed until an answer to a ping came: what the server had to say up to now. */
  async pushesUntilNow(): Promise<ServerMessage[]> {
    await this.request({ cmd: 'ping' });
    return this.pushes.splice(0);
  }

  close(): void {
    this.socket.close();
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }

  #take(message: ServerMessage): void {
    const answer = message.tag === undefined ? undefined : this.#answers.get(message.tag);
    if (answer === undefined) {
      this.pushes.push(message);
    } else {
      this.#answers.delete(message.tag as number);
      answer(message);
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #change(deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error('nothing was pushed in time')),
        deadline - performance.now(),
      );
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** A fresh anonymous token of the server behind this socket URL. */
export async function anonymousToken(socketUrl: string): Promise<string> {
  const url = new URL('/auth/anonymous', socketUrl.replace(/^ws/, 'http'));
  const answer = await fetch(url, { method: 'POST' });
  const body = (await answer.json()) as { accessToken: string };
  return body.accessToken;
}
