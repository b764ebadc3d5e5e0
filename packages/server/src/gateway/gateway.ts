import type { IncomingMessage } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { defaultRequestLimits } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import type { ModelSet } from '../model/model.js';
import { ClientAddresses } from './client-address.js';
import type { ClientSocket } from './client-socket.js';
import type { CommandSet } from './commands-in-flight.js';
import { Connection, type ConnectionHost } from './connection.js';
import { ConnectionCount } from './connection-count.js';
import { makeConnectionHost } from './connection-host.js';
import { Connections } from './connections.js';
import { EventStreams } from './event-streams.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { Handles } from './handles.js';
import type { AccountRoutesOptions } from './http-accounts.js';
import { buildHttpApp } from './http-app.js';
import type { HttpServer } from './http-server.js';
import { LiveTokens } from './live-tokens.js';
import { objectCommands } from './object-commands.js';
import type { Gateway, GatewayOptions, TlsFiles } from './options.js';
import { RateLimit } from './rate-limit.js';
import { replayRequest } from './replay-request.js';
import type { SessionHost } from './session-host.js';
import { Upgrades } from './upgrades.js';

/** Milliseconds that a shutdown may take (rule SES12). */
const shutdownTime = 8000;

/** Connections that may wait to be accepted: many clients come back at once after a restart. */
const acceptBacklog = 4096;

const minute = 60_000;

const noModels: ModelSet = { get: () => undefined, all: () => [] };

/** Opens the way in for clients: WebSockets and HTTP. It serves nobody before `listen`. */
export function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { services, config } = options;
  const { keyLength, pathDepth } = config.limits;
  const commands = objectCommands(services, { ...defaultRequestLimits, keyLength, pathDepth });
  return openGateway({ models: services.models, ...options }, commands, services.live);
}

/** As `createGateway`, over any commands. */
export async function openGateway(
  options: Omit<GatewayOptions, 'services'>,
  commands: CommandSet,
  live: SessionHost['live'],
): Promise<Gateway> {
  const gateway = new ServerGateway(options, commands, live);
  await gateway.open();
  return gateway;
}

class ServerGateway implements Gateway {
  readonly #options: Omit<GatewayOptions, 'services'>;
  readonly #addresses: ClientAddresses;
  readonly #count: ConnectionCount;
  readonly #signups: RateLimit;
  readonly #logins: RateLimit;
  readonly #connections: Connections;
  readonly #streams: EventStreams;
  readonly #metrics: GatewayMetrics;
  readonly #upgrades: Upgrades;
  readonly #handles: Handles;
  readonly #liveTokens: LiveTokens;
  readonly #host: ConnectionHost;
  #http: { readonly app: FastifyInstance; readonly server: HttpServer } | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: Omit<GatewayOptions, 'services'>,
    commands: CommandSet,
    live: SessionHost['live'],
  ) {
    const { config, platform } = options;
    const { clock } = platform;
    this.#options = options;
    this.#addresses = new ClientAddresses(config.trustProxy);
    this.#count = new ConnectionCount(config.limits);
    this.#signups = new RateLimit({ amount: config.rates.signup, window: minute, clock });
    this.#logins = new RateLimit({ amount: config.rates.login, window: minute, clock });
    this.#metrics = new GatewayMetrics(options.metrics, {
      connections: () => this.#connections.size,
      congested: () => this.#host.egress.congested,
      streams: () => this.#streams.size,
      rateKeys: () => this.#host.rates.size + this.#signups.size + this.#logins.size,
    });
    this.#liveTokens = new LiveTokens(options.revocations);
    this.#handles = new Handles({
      liveTokens: this.#liveTokens,
      platform,
      metrics: options.metrics,
      window: config.resumeWindow,
      limit: config.limits.parked,
    });
    this.#host = makeConnectionHost({
      handles: this.#handles,
      liveTokens: this.#liveTokens,
      gateway: options,
      commands,
      live,
      metrics: this.#metrics,
      gone: (connection) => this.#forget(connection),
    });
    const settle = options.settle ?? (() => Promise.resolve());
    this.#streams = new EventStreams({
      commands,
      live,
      count: this.#count,
      liveTokens: this.#liveTokens,
      platform: options.platform,
      log: options.log,
      output: config.limits.output,
    });
    this.#connections = new Connections({ platform, egress: this.#host.egress, settle });
    this.#upgrades = new Upgrades({
      message: config.limits.message,
      addresses: this.#addresses,
      count: this.#count,
      draining: () => this.#closing !== undefined,
      refused: (code) => this.#metrics.refused(code),
      accepted: (ws, request, address) => this.#connect(ws, request, address),
    });
  }

  /** Makes the HTTP side. */
  async open(): Promise<void> {
    const { tokens, revocations, audit, authority, platform, ready, metrics, config } =
      this.#options;
    const addresses = this.#addresses;
    this.#http = await buildHttpApp({
      gateway: this.#options,
      addresses,
      auth: {
        tokens,
        revocations,
        audit,
        authority,
        platform,
        addresses,
        perAddress: { signup: this.#signups, login: this.#logins },
        limited: (by) => this.#metrics.limited(by),
        rates: this.#host.rates,
        shape: this.#host.shape,
        message: config.limits.message,
        secret: config.secret,
      },
      accounts: this.#accountRoutes(),
      rest: {
        commands: this.#host.commands,
        tokens,
        audit,
        addresses,
        rates: this.#host.rates,
        metrics: this.#metrics,
        log: this.#options.log,
        platform,
        shape: this.#host.shape,
        streams: this.#streams,
        message: config.limits.message,
      },
      health: {
        ready: ready ?? (() => Promise.resolve()),
        draining: () => this.#closing !== undefined,
        platform,
      },
      models: this.#options.models ?? (() => noModels),
      scrape: async () => {
        this.#metrics.settle();
        return (await metrics.text?.()) ?? '';
      },
    });
    const { app, server } = this.#http;
    server.on('upgrade', (request: IncomingMessage, _socket, head: Buffer) => {
      if (!this.#upgrades.handle(request, head)) replayRequest(app, request);
    });
  }

  #accountRoutes(): AccountRoutesOptions | undefined {
    const { accounts, config } = this.#options;
    if (!accounts) return undefined;
    return {
      accounts,
      addresses: this.#addresses,
      rates: { signup: this.#signups, login: this.#logins },
      limited: (by) => this.#metrics.limited(by),
      shape: this.#host.shape,
      message: config.limits.message,
    };
  }

  async listen(port: number, host: string): Promise<{ url: string; port: number }> {
    const server = this.#server();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host, backlog: acceptBacklog }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const { address, port: bound } = server.address() as AddressInfo;
    const scheme = this.#options.config.tls ? 'https' : 'http';
    return { url: `${scheme}://${reachable(address)}:${bound}`, port: bound };
  }

  renewTls(tls: TlsFiles): void {
    const server = this.#server();
    if ('setSecureContext' in server) server.setSecureContext({ cert: tls.cert, key: tls.key });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock, timers } = this.#options.platform;
    const server = this.#server();
    const deadline = clock.monotonic() + shutdownTime;
    this.#handles.close();
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    await this.#connections.shutDown(deadline);
    this.#streams.close();
    const rest = timers.after(Math.max(0, deadline - clock.monotonic()), () =>
      server.closeAllConnections(),
    );
    await closed;
    rest.cancel();
    await this.#http?.app.close();
    this.#liveTokens.close();
  }

  #connect(ws: ClientSocket, request: IncomingMessage, address: string): void {
    const { socket } = request;
    this.#connections.add(new Connection(this.#host, { ws, socket, address }));
    this.#metrics.opened();
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#count.leave(connection.address);
  }

  #server(): HttpServer {
    if (!this.#http) throw new Error('the gateway is not open');
    return this.#http.server;
  }
}

/** An address that a client on this machine can open. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return isIPv6(address) ? `[${address}]` : address;
}
