import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { ModelSet } from '../model/model.js';
import type { CommandSet } from './dispatch/commands-in-flight.js';
import { TickQuota } from './dispatch/tick-quota.js';
import { GatewayMetrics } from './gateway-metrics.js';
import type { AccountRoutesOptions } from './http/auth/account-routes.js';
import { buildHttpApp } from './http/http-app.js';
import { RequestBodies } from './http/request-bodies.js';
import { HttpCommands } from './http/rest/http-commands.js';
import { EventStreams } from './http/sse/event-streams.js';
import { AddressRates } from './limits/address-rates.js';
import { ConnectionCount, type NodeCount } from './limits/connection-count.js';
import { LoginRates } from './limits/login-rates.js';
import type { OutputTotal } from './limits/output-total.js';
import type { GatewayOptions } from './options.js';
import { ActiveTokens } from './resume/active-tokens.js';
import { ResumableEntries } from './resume/resumable-entries.js';
import { ResumableSessions } from './resume/resumable-sessions.js';
import { ClientAddresses } from './server/client-addresses.js';
import { Origins } from './server/origins.js';
import { Upgrades } from './server/upgrades.js';
import type { ClientSocket } from './websocket/client-socket.js';
import { Connection, type ConnectionDeps } from './websocket/connection.js';
import { connectionDeps } from './websocket/connection-deps.js';
import { Connections } from './websocket/connections.js';
import { takesDeflated } from './websocket/deflated-frames.js';
import type { SessionDeps } from './websocket/session-deps.js';

/** What the gateway of one app needs. */
export interface AppGatewayDeps {
  readonly options: Omit<GatewayOptions, 'services'>;
  readonly commands: CommandSet;
  readonly live: SessionDeps['live'];
  /** The current models. */
  readonly models: () => ModelSet;
}

/** What all apps of a server share. */
export interface SharedGatewayDeps {
  readonly node: NodeCount;
  readonly output: OutputTotal;
  /** True while the server shuts down. */
  readonly draining: () => boolean;
  /** True where this is the only app of the server. */
  readonly alone: boolean;
}

/**
 * The gateway of one app: its sockets, its HTTP routes, and all per-client state. Apps share the
 * port and nothing else.
 */
export class AppGateway {
  readonly #options: Omit<GatewayOptions, 'services'>;
  readonly #models: () => ModelSet;
  readonly #live: SessionDeps['live'];
  readonly #addresses: ClientAddresses;
  readonly #count: ConnectionCount;
  readonly #origins: Origins;
  readonly #signups: AddressRates;
  readonly #logins: AddressRates;
  readonly #loginRates: LoginRates;
  readonly #connections: Connections;
  readonly #streams: EventStreams;
  readonly #metrics: GatewayMetrics;
  readonly #upgrades: Upgrades;
  readonly #resumableSessions: ResumableSessions;
  readonly #activeTokens: ActiveTokens;
  readonly #deps: ConnectionDeps;
  readonly #commands: HttpCommands;
  readonly #tickQuota: TickQuota;
  #http: FastifyInstance | undefined;

  constructor({ options, commands, live, models }: AppGatewayDeps, shared: SharedGatewayDeps) {
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
    this.#loginRates = new LoginRates({
      ...{ addresses: this.#logins, clock, origins },
      known: config.rates.login,
      account: config.rates.loginAccount,
    });
    this.#tickQuota = new TickQuota({
      // A single app has no other app to leave ticks to.
      limit: shared.alone ? Number.POSITIVE_INFINITY : config.limits.messagesPerTick,
    });
    this.#metrics = new GatewayMetrics(options.metrics, {
      connections: () => this.#connections.size,
      congested: () => this.#deps.egress.congested,
      streams: () => this.#streams.size,
      addresses: () => this.#count.addresses,
      throttledRequests: () =>
        this.#tickQuota.waiting +
        this.#deps.inputQuota.waiting +
        this.#deps.pricedResponses.waiting,
      waitingBytes: () => this.#connections.waitingBytes + this.#streams.waitingBytes,
      rateKeys: () =>
        this.#deps.rates.size +
        this.#deps.intakes.size +
        this.#signups.size +
        this.#logins.size +
        this.#loginRates.size,
    });
    this.#activeTokens = new ActiveTokens(options.revocations);
    const { resumableSessions: count, resumableBytes: bytes } = config.limits;
    const kept = new ResumableEntries({ count, bytes, budgets: options.budgets });
    this.#resumableSessions = new ResumableSessions({
      live,
      activeTokens: this.#activeTokens,
      platform,
      metrics: options.metrics,
      window: config.resumeWindow,
      kept,
    });
    this.#deps = connectionDeps({
      resumableSessions: this.#resumableSessions,
      activeTokens: this.#activeTokens,
      gateway: options,
      commands,
      live,
      metrics: this.#metrics,
      tickQuota: this.#tickQuota,
      output: shared.output,
      onClosed: (connection) => this.#forget(connection),
    });
    const settle = options.settle ?? (() => Promise.resolve());
    const { log, tracing } = options;
    const metrics = this.#metrics;
    this.#commands = new HttpCommands({ commands, metrics, log, platform, tracing });
    this.#streams = new EventStreams({
      commands: this.#commands,
      live,
      count: this.#count,
      activeTokens: this.#activeTokens,
      platform,
      output: config.limits.output,
      resumeWindow: config.resumeWindow,
      kept,
    });
    this.#connections = new Connections({ platform, egress: this.#deps.egress, settle });
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

  /** Builds the HTTP routes. */
  async open(): Promise<void> {
    const { tokens, revocations, audit, privilegedWrites, issuers, platform, config } =
      this.#options;
    const addresses = this.#addresses;
    this.#http = await buildHttpApp({
      gateway: this.#options,
      auth: {
        tokens,
        revocations,
        audit,
        privilegedWrites,
        issuers,
        tokenLifetimes: config.tokenLifetimes,
        platform,
        addresses,
        perAddress: { signup: this.#signups, login: this.#logins },
        origins: this.#origins,
        limited: (by) => this.#metrics.limited(by),
        rates: this.#deps.rates,
        jsonLimits: this.#deps.jsonLimits,
        message: config.limits.message,
        secret: config.secret,
      },
      accounts: this.#accountRoutes(),
      models: this.#models,
      addresses,
      bodies: new RequestBodies({
        platform,
        addresses,
        intakes: this.#deps.intakes,
        unread: this.#deps.unread,
      }),
      rest: {
        commands: this.#commands,
        pricedResponses: this.#deps.pricedResponses,
        intakes: this.#deps.intakes,
        tokens,
        audit,
        addresses,
        rates: this.#deps.rates,
        log: this.#options.log,
        platform,
        jsonLimits: this.#deps.jsonLimits,
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
      callers: { tokens, addresses: this.#addresses, rates: this.#deps.rates, audit },
      perAddress: { signup: this.#signups, login: this.#logins },
      logins: this.#loginRates,
      origins: this.#origins,
      limited: (by) => this.#metrics.limited(by),
      jsonLimits: this.#deps.jsonLimits,
      message: config.limits.message,
    };
  }

  /** Serves a plain request: now, or in a later tick when the quota of this one is used up. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    if (this.#tickQuota.take()) this.#routes().routing(request, response);
    else this.#tickQuota.wait({ proceed: () => this.handle(request, response) });
  }

  /** Serves an upgrade request. */
  upgrade(request: IncomingMessage, head: Buffer): void {
    this.#upgrades.handle(request, head);
  }

  /** Resolves when store and bus are reachable. */
  async ready(): Promise<void> {
    await this.#options.ready?.();
  }

  /** Flushes counts that were collected outside the metrics port. */
  settleMetrics(): void {
    this.#metrics.settle();
  }

  /**
   * First phase of closing: drops resumable sessions, finishes commands in flight and closes the
   * clients with 1001.
   */
  async shutDown(deadline: number): Promise<void> {
    this.#resumableSessions.close();
    await this.#connections.shutDown(deadline);
    this.#streams.close();
  }

  /** Second phase, once no connection is left. */
  async close(): Promise<void> {
    await this.#http?.close();
    this.#activeTokens.close();
  }

  #connect(ws: ClientSocket, request: IncomingMessage, address: string): void {
    const { socket } = request;
    const deflates = takesDeflated(ws, request);
    this.#connections.add(new Connection(this.#deps, { ws, socket, address, deflates }));
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
