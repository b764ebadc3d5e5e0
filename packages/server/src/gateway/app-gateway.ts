import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { ModelSet } from '../model/model.js';
import { AddressRates } from './address-rates.js';
import { ClientAddresses } from './client-address.js';
import type { ClientSocket } from './client-socket.js';
import type { CommandSet } from './commands-in-flight.js';
import { Connection, type ConnectionHost } from './connection.js';
import { ConnectionCount, type NodeCount } from './connection-count.js';
import { makeConnectionHost } from './connection-host.js';
import { Connections } from './connections.js';
import { takesDeflated } from './deflated-frames.js';
import { EventStreams } from './event-streams.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { Handles } from './handles.js';
import type { AccountRoutesOptions } from './http-accounts.js';
import { buildHttpApp } from './http-app.js';
import { Bodies } from './http-body.js';
import { HttpCommands } from './http-commands.js';
import { KeptPlaces } from './kept-places.js';
import { LiveTokens } from './live-tokens.js';
import { LoginRates } from './login-rates.js';
import type { GatewayOptions } from './options.js';
import { Origins } from './origins.js';
import type { OutputTotal } from './output-total.js';
import type { SessionHost } from './session-host.js';
import { TurnShare } from './turn-share.js';
import { Upgrades } from './upgrades.js';

/** One app as clients meet it, over any commands. */
export interface AppDoor {
  readonly options: Omit<GatewayOptions, 'services'>;
  readonly commands: CommandSet;
  readonly live: SessionHost['live'];
  /** The models that are in force now. */
  readonly models: () => ModelSet;
}

/** What the apps of a server share. */
export interface SharedDoor {
  readonly node: NodeCount;
  readonly output: OutputTotal;
  /** True while the server shuts down. */
  readonly draining: () => boolean;
  /** The server has no other app. */
  readonly alone: boolean;
}

/**
 * The way into one app: its sockets, its HTTP, and everything that is counted and remembered of its clients. Apps share
 * the port and nothing else.
 */
export class AppGateway {
  readonly #options: Omit<GatewayOptions, 'services'>;
  readonly #models: () => ModelSet;
  readonly #live: SessionHost['live'];
  readonly #addresses: ClientAddresses;
  readonly #count: ConnectionCount;
  readonly #origins: Origins;
  readonly #signups: AddressRates;
  readonly #logins: AddressRates;
  readonly #tries: LoginRates;
  readonly #connections: Connections;
  readonly #streams: EventStreams;
  readonly #metrics: GatewayMetrics;
  readonly #upgrades: Upgrades;
  readonly #handles: Handles;
  readonly #liveTokens: LiveTokens;
  readonly #host: ConnectionHost;
  readonly #commands: HttpCommands;
  readonly #turn: TurnShare;
  #http: FastifyInstance | undefined;

  constructor({ options, commands, live, models }: AppDoor, shared: SharedDoor) {
    const { config, platform } = options;
    const { clock } = platform;
    this.#options = options;
    this.#models = models;
    this.#live = live;
    this.#addresses = new ClientAddresses(config.trustProxy);
    this.#count = new ConnectionCount(config.limits, shared.node);
    const origins = new Origins(config.cors);
    this.#origins = origins;
    this.#signups = new AddressRates({ amount: config.rates.signup, clock, origins });
    this.#logins = new AddressRates({ amount: config.rates.login, clock, origins });
    this.#tries = new LoginRates({
      ...{ addresses: this.#logins, clock, origins },
      known: config.rates.login,
      account: config.rates.loginAccount,
    });
    this.#turn = new TurnShare({
      // Whoever is alone leaves room for nobody.
      most: shared.alone ? Number.POSITIVE_INFINITY : config.limits.turn,
    });
    this.#metrics = new GatewayMetrics(options.metrics, {
      connections: () => this.#connections.size,
      congested: () => this.#host.egress.congested,
      streams: () => this.#streams.size,
      addresses: () => this.#count.addresses,
      turns: () => this.#turn.waiting + this.#host.input.waiting + this.#host.answers.waiting,
      waitingBytes: () => this.#connections.waitingBytes + this.#streams.waitingBytes,
      rateKeys: () =>
        this.#host.rates.size +
        this.#host.intakes.size +
        this.#signups.size +
        this.#logins.size +
        this.#tries.size,
    });
    this.#liveTokens = new LiveTokens(options.revocations);
    const { parked: count, parkedBytes: bytes } = config.limits;
    const kept = new KeptPlaces({ count, bytes, budgets: options.budgets });
    this.#handles = new Handles({
      live,
      liveTokens: this.#liveTokens,
      platform,
      metrics: options.metrics,
      window: config.resumeWindow,
      kept,
    });
    this.#host = makeConnectionHost({
      handles: this.#handles,
      liveTokens: this.#liveTokens,
      gateway: options,
      commands,
      live,
      metrics: this.#metrics,
      turn: this.#turn,
      output: shared.output,
      gone: (connection) => this.#forget(connection),
    });
    const settle = options.settle ?? (() => Promise.resolve());
    const { log, tracing } = options;
    const metrics = this.#metrics;
    this.#commands = new HttpCommands({ commands, metrics, log, platform, tracing });
    this.#streams = new EventStreams({
      commands: this.#commands,
      live,
      count: this.#count,
      liveTokens: this.#liveTokens,
      platform,
      output: config.limits.output,
      resumeWindow: config.resumeWindow,
      kept,
    });
    this.#connections = new Connections({ platform, egress: this.#host.egress, settle });
    this.#upgrades = new Upgrades({
      message: config.limits.message,
      deflate: config.deflate,
      addresses: this.#addresses,
      count: this.#count,
      draining: shared.draining,
      refused: (code) => this.#metrics.refused(code),
      accepted: (ws, request, address) => this.#connect(ws, request, address),
    });
  }

  get clientid(): string | undefined {
    return this.#options.clientid;
  }

  /** Makes the HTTP side. */
  async open(): Promise<void> {
    const { tokens, revocations, audit, authority, issuers, platform, config } = this.#options;
    const addresses = this.#addresses;
    this.#http = await buildHttpApp({
      gateway: this.#options,
      auth: {
        tokens,
        revocations,
        audit,
        authority,
        issuers,
        lives: config.lives,
        platform,
        addresses,
        perAddress: { signup: this.#signups, login: this.#logins },
        origins: this.#origins,
        limited: (by) => this.#metrics.limited(by),
        rates: this.#host.rates,
        shape: this.#host.shape,
        message: config.limits.message,
        secret: config.secret,
      },
      accounts: this.#accountRoutes(),
      models: this.#models,
      addresses,
      bodies: new Bodies({
        platform,
        addresses,
        intakes: this.#host.intakes,
        unread: this.#host.unread,
      }),
      rest: {
        commands: this.#commands,
        answers: this.#host.answers,
        intakes: this.#host.intakes,
        tokens,
        audit,
        addresses,
        rates: this.#host.rates,
        log: this.#options.log,
        platform,
        shape: this.#host.shape,
        streams: this.#streams,
        live: this.#live,
        message: config.limits.message,
      },
    });
  }

  #accountRoutes(): AccountRoutesOptions | undefined {
    const { accounts, tokens, audit, config } = this.#options;
    if (!accounts) return undefined;
    return {
      accounts,
      callers: { tokens, addresses: this.#addresses, rates: this.#host.rates, audit },
      perAddress: { signup: this.#signups, login: this.#logins },
      logins: this.#tries,
      origins: this.#origins,
      limited: (by) => this.#metrics.limited(by),
      shape: this.#host.shape,
      message: config.limits.message,
    };
  }

  /** Answers a plain request, in this turn or in one of the next. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    if (this.#turn.take()) this.#routes().routing(request, response);
    else this.#turn.wait({ proceed: () => this.handle(request, response) });
  }

  /** Answers a request for an upgrade. */
  upgrade(request: IncomingMessage, head: Buffer): void {
    this.#upgrades.handle(request, head);
  }

  /** Resolves when store and bus are reachable. */
  async ready(): Promise<void> {
    await this.#options.ready?.();
  }

  /** Tells the metrics what was counted aside. */
  settleMetrics(): void {
    this.#metrics.settle();
  }

  /** The first half of closing: what was parked is forgotten, commands in flight are finished, and clients hear why. */
  async shutDown(deadline: number): Promise<void> {
    this.#handles.close();
    await this.#connections.shutDown(deadline);
    this.#streams.close();
  }

  /** The second half, when no connection is left. */
  async close(): Promise<void> {
    await this.#http?.close();
    this.#liveTokens.close();
  }

  #connect(ws: ClientSocket, request: IncomingMessage, address: string): void {
    const { socket } = request;
    const deflates = takesDeflated(ws, request);
    this.#connections.add(new Connection(this.#host, { ws, socket, address, deflates }));
    this.#metrics.opened();
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#count.leave(connection.address);
  }

  #routes(): FastifyInstance {
    if (!this.#http) throw new Error('the gateway is not open');
    return this.#http;
  }
}
