import { Agent, request } from 'node:http';
import { errorTable } from '@really/protocol';
import { Client, type ServerMessage } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { bytesOf, type Parcel, type Plan, type RawFrame } from './plan.js';

/** What became of what was sent. */
export interface AttemptOutcome {
  readonly bytes: number;
  /** What the protocol does not allow: no answer, an unknown code, a 500. */
  readonly complaints: readonly string[];
}

/** Rule SES11, and 1002 of RFC 6455, section 7.4.1, for frames that are none. */
const closeCodes: ReadonlySet<number> = new Set([1000, 1001, 1002, 1003, 1008, 1009, 1013]);
const attacker = '127.0.0.2';
/** Milliseconds in which everything is answered. */
const patience = 60_000;

/** A client with a connection of its own that executes a plan. */
export class CostAttempt implements Disposable {
  readonly #url: string;
  readonly #token: string;
  readonly #client: Client;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16, localAddress: attacker });
  readonly #parcels: readonly Parcel[];
  readonly #others: readonly Client[];
  readonly bytes: number;

  private constructor(options: {
    readonly url: string;
    readonly token: string;
    readonly client: Client;
    readonly others: readonly Client[];
    readonly parcels: readonly Parcel[];
  }) {
    const { url, token, client, others, parcels } = options;
    this.#url = url;
    this.#token = token;
    this.#client = client;
    this.#others = others;
    this.#parcels = parcels;
    this.bytes = parcels.reduce((sum, parcel) => sum + bytesOf(parcel), 0);
  }

  /** Carries out the setup. Of the rest, as much as `most` bytes hold; `undefined` where they hold none of it. */
  static async prepare(
    server: { url: string; socketUrl: string },
    { uid, plan, most }: { uid: string; plan: Plan; most: number },
  ): Promise<CostAttempt | undefined> {
    const token = signToken({ uid });
    const others = await othersOf(server.socketUrl, uid, plan);
    const client = await connect(server.socketUrl, token);
    const answers: ServerMessage[] = [];
    for (const message of plan.setup ?? []) answers.push(await client.request(message));
    let left = most;
    const parcels = plan.parcels(answers).filter((parcel) => {
      left -= bytesOf(parcel);
      return left >= 0;
    });
    const attempt = new CostAttempt({ url: server.url, token, client, others, parcels });
    if (parcels.length > 0) return attempt;
    attempt[Symbol.dispose]();
    return undefined;
  }

  /** Number of parcels. */
  get requests(): number {
    return this.#parcels.length;
  }

  /** Sends everything at once, and waits for the answers or the end of the connection. */
  async run(): Promise<AttemptOutcome> {
    const late = AbortSignal.timeout(patience);
    const complaints = new Set<string>();
    const given = new Promise<void>((resolve) => {
      late.addEventListener('abort', () => {
        complaints.add(`no answer within ${patience} ms`);
        resolve();
      });
    });
    const sent = this.#parcels.map(async (parcel) => {
      for (const complaint of await this.#send(parcel)) complaints.add(complaint);
    });
    await Promise.race([given, Promise.all(sent)]);
    return { bytes: this.bytes, complaints: [...complaints] };
  }

  [Symbol.dispose](): void {
    for (const client of [this.#client, ...this.#others]) client[Symbol.dispose]();
    this.#agent.destroy();
  }

  async #send(parcel: Parcel): Promise<string[]> {
    switch (parcel.via) {
      case 'socket':
        return await this.#ask(() => this.#client.request(parcel.message));
      case 'text':
        this.#client.send(parcel.text);
        return await this.#ask(() => this.#client.request({ cmd: 'ping' }));
      case 'frames':
        rawSocketOf(this.#client).write(Buffer.concat(parcel.frames.map(encoded)));
        return await this.#ask(() => this.#client.request({ cmd: 'ping' }));
      case 'http':
        return await this.#call(parcel);
      default:
        return parcel satisfies never;
    }
  }

  async #ask(ask: () => Promise<ServerMessage>): Promise<string[]> {
    try {
      return complaintsAbout(await ask());
    } catch {
      const { code, reason } = await this.#client.closed;
      return closeCodes.has(code) ? [] : [`closed with ${code} ${reason}`];
    }
  }

  #call({ method, path, headers, body }: Extract<Parcel, { via: 'http' }>): Promise<string[]> {
    const authorization = `Bearer ${this.#token}`;
    const options = { method, agent: this.#agent, headers: { authorization, ...headers } };
    return new Promise((resolve) => {
      const sent = request(`${this.#url}${path}`, options, (answer) => {
        answer.resume();
        answer.once('close', () => {
          const { statusCode = 0 } = answer;
          resolve(statusCode >= 200 && statusCode !== 500 ? [] : [`HTTP ${statusCode}`]);
        });
      });
      sent.once('error', (error: NodeJS.ErrnoException) => {
        // What is refused before it is read to its end has its connection closed.
        resolve(/ECONNRESET|EPIPE/.test(error.code ?? '') ? [] : [error.message]);
      });
      sent.end(body);
    });
  }
}

async function connect(socketUrl: string, accessToken: string): Promise<Client> {
  const client = await Client.open(socketUrl, { localAddress: attacker });
  await client.request({ cmd: 'initialize', accessToken });
  return client;
}

/** Each has done what it does. */
async function othersOf(socketUrl: string, uid: string, { others }: Plan): Promise<Client[]> {
  if (!others) return [];
  const token = signToken({ uid: `${uid}-other` });
  return await Promise.all(
    Array.from({ length: others.count }, async () => {
      const client = await connect(socketUrl, token);
      for (const message of others.messages) await client.request(message);
      return client;
    }),
  );
}

function complaintsAbout({ error }: ServerMessage): string[] {
  if (error === undefined) return [];
  const known = (errorTable as Record<string, { code: number } | undefined>)[error.message];
  const reported = `${error.code} ${error.message}`;
  if (known?.code !== error.code) return [`unknown: ${reported}`];
  return error.code === 500 ? [reported] : [];
}

/** The TCP connection below. */
function rawSocketOf({ socket }: Client): { write(bytes: Buffer): void } {
  return (socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
}

/** A client's frame, under a mask of zeros. */
function encoded({ opcode, final, payload }: RawFrame): Buffer {
  const head = Buffer.from([(final ? 0x80 : 0) | opcode, 0x80 | payload.length, 0, 0, 0, 0]);
  return Buffer.concat([head, payload]);
}
