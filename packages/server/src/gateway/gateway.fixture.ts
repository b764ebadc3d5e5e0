import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Auth, type JsonObject, parseR, readEnvelope } from '@really/protocol';
import { WebSocket } from 'ws';
import { type Audit, noAudit } from '../auth/audit.js';
import { revocationsInMemory } from '../auth/revocations.fixture.js';
import { defaultTokenLifetimes } from '../auth/token-lifetimes.fixture.js';
import { Tokens } from '../auth/tokens.js';
import type { OrderKey } from '../commands/order-keys.js';
import type { Reply } from '../commands/services.js';
import type { PushTarget } from '../live/push-target.js';
import { Budgets } from '../platform/budget.js';
import { defaultLimits, type Limits, type Rates } from '../platform/limits.js';
import { type Log, silentLog } from '../platform/log.js';
import type { SimulatedPlatform } from '../platform/simulated.js';
import { systemPlatform } from '../platform/system.js';
import type { CommandCall, CommandRequest, CommandSet } from './dispatch/command-set.js';
import { createGateway } from './gateway.js';
import type {
  GatewayConfig,
  GatewayLive,
  GatewayOptions,
  GatewayRooms,
  ScrapedMetrics,
  ServerConfig,
} from './options.js';

/** A request of the test's own commands, with the message. */
export interface TestRequest extends CommandRequest {
  readonly message: JsonObject;
}

export type TestCommand = (call: CommandCall, message: JsonObject) => Promise<Reply>;

export interface TestSetup {
  readonly commands?: Readonly<Record<string, TestCommand>> | undefined;
  readonly limits?: Partial<Limits> | undefined;
  readonly config?: Partial<Omit<GatewayConfig, 'limits'> & ServerConfig> | undefined;
  readonly platform?: SimulatedPlatform | undefined;
  readonly log?: Log | undefined;
  readonly audit?: Audit | undefined;
  readonly metrics?: ScrapedMetrics | undefined;
  readonly ready?: (() => Promise<void>) | undefined;
  readonly settle?: (() => Promise<void>) | undefined;
}

export const testSecret = 'a secret of at least thirty-two characters';

/** No rate limits. */
export const noRates: Rates = {
  ...{ commands: 0, address: 0, signup: 0, login: 0, loginAccount: 0 },
  ...{ bytes: 0, addressBytes: 0, bytesBeforeInitialize: 0, sends: 0, roomBytes: 0, queryTime: 0 },
};

/** The options of an app with commands that the test provides. */
export function testOptions(setup: TestSetup = {}) {
  const { platform = systemPlatform, metrics = noMetricsText, log = silentLog } = setup;
  const { audit = noAudit, ready, settle } = setup;
  const revocations = revocationsInMemory(platform.clock);
  const live = { drained: [] as PushTarget[], dropped: [] as PushTarget[] };
  const config: GatewayConfig = {
    secret: testSecret,
    idleTimeout: 120_000,
    initializeTimeout: 120_000,
    resumeWindow: 120_000,
    tokenLifetimes: defaultTokenLifetimes,
    trustProxy: [],
    rates: noRates,
    openapi: 'private',
    deflate: false,
    ...setup.config,
    limits: { ...defaultLimits, ...setup.limits },
  };
  const tokens = new Tokens({ secret: testSecret, platform, revocations });
  const options: GatewayOptions = {
    ...{ tokens, revocations, audit, issuers: [], config, metrics, log, platform, ready, settle },
    budgets: new Budgets(metrics),
    privilegedWrites: {
      createUser: () => Promise.resolve('/users/1'),
      ensureUser: () => Promise.resolve('/users/1'),
      remember: () => Promise.resolve(),
      current: (auth: Auth) => Promise.resolve(auth),
    },
    commands: commandSet(setup.commands ?? {}),
    live: fakeLive(live),
    rooms: noRooms,
    models: () => ({ get: () => undefined, all: () => [] }),
  };
  return { options, tokens, revocations, live, metrics };
}

/** A gateway on a free loopback port, with commands that the test provides. */
export async function openTestGateway(setup: TestSetup = {}) {
  const { options, tokens, revocations, live, metrics } = testOptions(setup);
  const { config, budgets, log, platform } = options;
  const server: ServerConfig = {
    metrics: 'private',
    secret: testSecret,
    trustProxy: config.trustProxy,
    cors: config.cors,
    keepAlive: setup.config?.keepAlive ?? 75_000,
    connections: config.limits.connections,
    outputTotal: config.limits.outputTotal,
    outputTime: config.limits.outputTime,
    tls: setup.config?.tls,
    ...(setup.config?.metrics && { metrics: setup.config.metrics }),
  };
  const shared = { metrics, budgets, log, platform };
  const gateway = await createGateway({ ...shared, config: server, apps: [options] });
  const { url, port } = await gateway.listen(0, '127.0.0.1');
  const close = async () => {
    let done = false;
    const closing = gateway.close().finally(() => {
      done = true;
    });
    // With a simulated clock, time has to pass for connections that are still open.
    while (platform !== systemPlatform && !done) {
      await new Promise((resolve) => setImmediate(resolve));
      (platform as SimulatedPlatform).advance(1);
    }
    await closing;
  };
  return { gateway, url, port, tokens, revocations, live, close };
}

/** For gateways whose commands join no rooms. */
const noRooms: GatewayRooms = {
  drop() {},
  park: () => undefined,
  release() {},
  resume: () => () => {},
  authChanged: () => 0,
  sendList() {},
};

function fakeLive(live: { drained: PushTarget[]; dropped: PushTarget[] }): GatewayLive {
  return {
    epoch: 'e'.repeat(16),
    rightsTime: 0,
    inSlices: async (steps) => {
      for (;;) {
        const step = steps.next();
        if (step.done) return step.value;
        await step.value;
      }
    },
    viewOf: () => 'v'.repeat(16),
    sharedViewOf: () => 'v'.repeat(16),
    onDrain: (listener) => live.drained.push(listener),
    positionOf: () => undefined,
    drop: (listener) => live.dropped.push(listener),
    park: () => [],
    releaseParked() {},
    resume: async () => () => {},
    authChanged: () => 0,
    subscribedRs: () => [],
  };
}

export const noMetricsText: ScrapedMetrics = {
  counter: () => ({ add() {} }),
  gauge: () => ({ set() {} }),
  observe() {},
  histogram: () => ({ record() {}, recordTraced() {} }),
  text: async () => ({
    text: 'really_connections 1\n',
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
  }),
};

function commandSet(commands: Readonly<Record<string, TestCommand>>): CommandSet<TestRequest> {
  return {
    parse(message) {
      const { cmd = '', tag = 0 } = readEnvelope(message);
      const traceId = typeof message.traceId === 'string' ? message.traceId : undefined;
      return { ok: true, request: { cmd, tag, traceId, target: parseR(message.r), message } };
    },
    orderKeysOf: ({ cmd, target }): OrderKey[] =>
      target ? [{ r: target.r, mode: cmd.startsWith('get') ? 'read' : 'write' }] : [],
    run(call, { cmd, message }) {
      const command = commands[cmd];
      if (!command) throw new Error(`the test has no command ${cmd}`);
      return command(call, message);
    },
  };
}

/** A command that says when it was asked, and answers when the test lets it. */
export function heldCommand(reply: Reply) {
  let ask = () => {};
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    ask = resolve;
  });
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const command: TestCommand = async () => {
    ask();
    await answered;
    return reply;
  };
  return { command, asked, answer };
}

/** A client (library `ws`) that keeps all messages received. */
export class TestClient {
  readonly socket: WebSocket;
  readonly received: JsonObject[] = [];
  readonly closed: Promise<{ code: number }>;
  #wake: (() => void)[] = [];

  constructor(url: string, path = '/v0.1/socket') {
    this.socket = new WebSocket(`${url.replace(/^http/, 'ws')}${path}`);
    this.socket.on('message', (data: Buffer) => {
      this.received.push(JSON.parse(data.toString()) as JsonObject);
      for (const wake of this.#wake.splice(0)) wake();
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code) => {
        resolve({ code });
        for (const wake of this.#wake.splice(0)) wake();
      });
    });
  }

  /** A client initialized with a token of this uid. */
  static async initialized(server: { url: string; tokens: Tokens }, uid = 'amal') {
    const client = await TestClient.open(server.url);
    client.send({ tag: 0, cmd: 'initialize', accessToken: await server.tokens.mint({ uid }) });
    await client.receive(1);
    client.received.length = 0;
    return client;
  }

  static async open(url: string): Promise<TestClient> {
    const client = new TestClient(url);
    await once(client.socket, 'open');
    return client;
  }

  send(...messages: JsonObject[]): void {
    for (const message of messages) this.socket.send(JSON.stringify(message));
  }

  /**
   * Resolves when this many messages have been received in total; rejects if the socket closes
   * first.
   */
  async receive(count: number): Promise<JsonObject[]> {
    while (this.received.length < count) {
      if (this.socket.readyState >= WebSocket.CLOSING && this.received.length < count) {
        await this.closed;
        if (this.received.length < count)
          throw new Error(`closed after ${this.received.length} messages`);
      } else {
        await new Promise<void>((resolve) => {
          this.#wake.push(resolve);
        });
      }
    }
    return this.received;
  }
}

/** A bare TCP client, for bytes that no library would send. */
export class RawClient {
  readonly socket: Socket;
  readonly ended: Promise<string>;
  #received = Buffer.alloc(0);
  #wake: (() => void)[] = [];

  constructor(port: number, localAddress = '127.0.0.1') {
    this.socket = connect({ port, host: '127.0.0.1', localAddress });
    this.socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      for (const wake of this.#wake.splice(0)) wake();
    });
    this.socket.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.socket.on('close', () => resolve(this.text));
    });
  }

  get text(): string {
    return this.#received.toString('latin1');
  }

  get bytes(): Buffer {
    return this.#received;
  }

  /** Resolves when the bytes received match. */
  async until(matches: (bytes: Buffer) => boolean): Promise<Buffer> {
    while (!matches(this.#received)) {
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
      });
    }
    return this.#received;
  }

  write(data: string | Buffer): void {
    this.socket.write(data);
  }

  /** Upgrades by hand and drops the response. */
  async upgrade(): Promise<void> {
    this.write(upgradeRequest());
    await this.until((bytes) => bytes.includes('\r\n\r\n'));
    this.#received = this.#received.subarray(this.#received.indexOf('\r\n\r\n') + 4);
  }
}

export function upgradeRequest(
  path = '/v0.1/socket',
  headers: Record<string, string> = {},
): string {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value ? [`${name}: ${value}`] : [],
  );
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

/** A client's frame, masked with zeros. */
export function clientFrame(payload: string | Buffer, opcode = 1, fin = true): Buffer {
  const data = Buffer.from(payload);
  const long = data.length > 125;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = 0x80 | (long ? 126 : data.length);
  if (long) head.writeUInt16BE(data.length, 2);
  return Buffer.concat([head, data]);
}

/** Splits a server's bytes into frames. Throws unless they are whole and unmasked. */
export function serverFrames(bytes: Buffer): { opcode: number; payload: Buffer }[] {
  const frames: { opcode: number; payload: Buffer }[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes.readUInt8(at);
    const short = bytes.readUInt8(at + 1);
    if ((first & 0xf0) !== 0x80 || short > 127) throw new Error(`no frame at ${at}`);
    const [head, size] =
      short === 127
        ? [10, Number(bytes.readBigUInt64BE(at + 2))]
        : short === 126
          ? [4, bytes.readUInt16BE(at + 2)]
          : [2, short];
    const end = at + head + size;
    if (end > bytes.length) throw new Error(`half a frame at ${at}`);
    frames.push({ opcode: first & 0x0f, payload: bytes.subarray(at + head, end) });
    at = end;
  }
  return frames;
}
