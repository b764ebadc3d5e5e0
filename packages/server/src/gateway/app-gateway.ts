import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { type AppDeps, appDeps, type SharedGatewayDeps } from './app-deps.js';
import { buildHttpApp } from './http/http-app.js';
import { EventStreams } from './http/sse/event-streams.js';
import type { GatewayOptions } from './options.js';
import { Upgrades } from './server/upgrades.js';

/** The sockets, the HTTP routes and all per-client state of one app. Apps share only the port. */
export class AppGateway {
  readonly #deps: AppDeps;
  readonly #streams: EventStreams;
  readonly #upgrades: Upgrades;
  #http: FastifyInstance | undefined;

  constructor(options: GatewayOptions, shared: SharedGatewayDeps) {
    this.#deps = appDeps(options, shared);
    this.#streams = new EventStreams(this.#deps);
    this.#upgrades = new Upgrades(this.#deps);
    observeLevels(this.#deps, this.#streams);
  }

  get clientid(): string | undefined {
    return this.#deps.clientid;
  }

  /** Builds the HTTP routes. */
  async open(): Promise<void> {
    this.#http = await buildHttpApp(this.#deps, this.#streams);
  }

  /** Serves a plain request: now, or in a later tick when the quota of this one is used up. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    const { tickQuota } = this.#deps;
    if (!this.#http) throw new Error('the gateway is not open');
    if (tickQuota.take()) this.#http.routing(request, response);
    else tickQuota.wait({ proceed: () => this.handle(request, response) });
  }

  upgrade(request: IncomingMessage, head: Buffer): void {
    this.#upgrades.handle(request, head);
  }

  /** Resolves when store and bus are reachable. */
  async ready(): Promise<void> {
    await this.#deps.ready?.();
  }

  /** First phase of closing: drops resumable sessions, finishes commands in flight and closes the clients with 1001. */
  async shutDown(deadline: number): Promise<void> {
    this.#deps.resumableSessions.close();
    await this.#deps.connections.shutDown(deadline);
    this.#streams.close();
  }

  /** Second phase, once no connection is left. */
  async close(): Promise<void> {
    await this.#http?.close();
    this.#deps.activeTokens.close();
  }
}

function observeLevels(deps: AppDeps, streams: EventStreams): void {
  const { connections, count, egress, tickQuota, inputQuota, pricedResponses } = deps;
  const { metrics, rates, intakes, signups, logouts, logins, passwords } = deps;
  metrics.observe('connections', 'WebSocket connections open.', () => connections.size);
  metrics.observe(
    'throttled_requests',
    'Connections and requests waiting for a later tick, because their app has used up this one.',
    () => tickQuota.waiting + inputQuota.waiting + pricedResponses.waiting,
  );
  metrics.observe(
    'congested_connections',
    'Connections whose waiting output exceeds limits.outputBuffer.',
    () => egress.congested,
  );
  metrics.observe('event_streams', 'Server-sent event streams open.', () => streams.size);
  metrics.observe(
    'rate_limit_keys',
    'Uids and addresses with a rate limit state.',
    () => rates.size + intakes.size + signups.size + logouts.size + logins.size + passwords.size,
  );
  metrics.observe(
    'connection_addresses',
    'Addresses with at least one connection.',
    () => count.addresses,
  );
  metrics.observe(
    'connection_waiting_bytes',
    'Output bytes waiting for slow connections.',
    () => connections.waitingBytes + streams.waitingBytes,
  );
}
