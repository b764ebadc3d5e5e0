import type { JsonObject } from '@really/protocol';
import { WebSocket } from 'ws';

interface BenchRefusal {
  readonly code: number;
  readonly message: string;
  readonly meta?: { readonly retryAfter?: number };
}

/** A request that the server refused. */
export class Refused extends Error {
  override readonly name = 'Refused';
  /** Seconds, if it was refused by a rate limit. */
  readonly retryAfter: number | undefined;
  constructor(cmd: string, { code, message, meta }: BenchRefusal) {
    super(`${cmd} was refused: ${code} ${message}`);
    this.retryAfter = code === 429 ? (meta?.retryAfter ?? 1) : undefined;
  }
}

/** The parts of a server message that the benchmark uses. */
interface BenchReply {
  readonly tag?: number;
  readonly evt?: string;
  readonly r?: string;
  readonly rev?: number;
  readonly body?: JsonObject;
  readonly error?: BenchRefusal;
}

/** Milliseconds without a response after which a server counts as gone. */
const timeout = 30_000;

/** One initialized socket that answers requests by their tags. */
export class BenchClient {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: BenchReply | Error) => void>();
  #tag = 0;
  /** Receives every message without a tag. */
  onPush: ((push: BenchReply) => void) | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#take(JSON.parse(String(data)) as BenchReply));
    socket.on('close', (code) => this.#lost(new Error(`the server closed a socket with ${code}`)));
  }

  static async connect(url: string, accessToken: string): Promise<BenchClient> {
    const address = `${url.replace(/^http/, 'ws')}/v0.1/socket`;
    const socket = new WebSocket(address, { perMessageDeflate: false, handshakeTimeout: timeout });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const client = new BenchClient(socket);
    await client.request({ cmd: 'initialize', accessToken });
    return client;
  }

  /** Resolves with the response. Rejects if the server refuses it, or the socket is closed. */
  request(message: JsonObject): Promise<BenchReply> {
    const tag = ++this.#tag;
    return new Promise((resolve, reject) => {
      this.#waiting.set(tag, (answer) => {
        if (answer instanceof Error) reject(answer);
        else if (answer.error) reject(new Refused(String(message.cmd), answer.error));
        else resolve(answer);
      });
      this.#socket.send(JSON.stringify({ tag, ...message }));
    });
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.close(1000);
  }

  #take(answer: BenchReply): void {
    if (answer.tag === undefined) {
      this.onPush?.(answer);
      return;
    }
    const settle = this.#waiting.get(answer.tag);
    this.#waiting.delete(answer.tag);
    settle?.(answer);
  }

  #lost(error: Error): void {
    for (const settle of this.#waiting.values()) settle(error);
    this.#waiting.clear();
  }
}

/** A token for an anonymous user. */
export async function anonymousToken(url: string): Promise<string> {
  const address = `${url.replace(/^ws/, 'http')}/auth/anonymous`;
  const signal = AbortSignal.timeout(timeout);
  const response = await fetch(address, { method: 'POST', signal });
  if (!response.ok) throw new Error(`no anonymous token: HTTP ${response.status}`);
  const { accessToken } = (await response.json()) as { accessToken: string };
  return accessToken;
}
