import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { AppGateway } from './app-gateway.js';
import { afterAllResponses, HttpOutput, isReceiving, readOn } from './http/http-output.js';
import { NodeCount } from './limits/connection-count.js';
import { IntakeRates } from './limits/intake-rates.js';
import { OutputTotal } from './limits/output-total.js';
import type { Gateway, ServerGatewayOptions, TlsFiles } from './options.js';
import { limitAccepted } from './server/accepted-sockets.js';
import { ClientAddresses } from './server/client-addresses.js';
import { appByHost } from './server/hosts.js';
import { createHttpServer, type HttpServer, httpTimeoutsFor } from './server/http-server.js';
import { Origins } from './server/origins.js';
import { replayRequest } from './server/replay-request.js';
import { RequestHeads } from './server/request-heads.js';
import { RequestRouter } from './server/request-router.js';
import { ServerRoutes } from './server/server-routes.js';
import { watchUnused } from './server/unused-sockets.js';

/** Milliseconds that a shutdown may take (rule SES12). */
const shutdownTime = 7000;

/** Milliseconds between checks for idle connections during a shutdown. */
const idleCheck = 50;

/** Backlog of connections to accept: after a restart many clients reconnect at once. */
const acceptBacklog = 4096;

/** Creates the gateway, for WebSockets and HTTP. Serves nothing before `listen`. */
export async function createGateway(options: ServerGatewayOptions): Promise<Gateway> {
  const gateway = new ServerGateway(options);
  await gateway.open();
  return gateway;
}

/** One port and the apps behind it. */
class ServerGateway implements Gateway {
  readonly #options: ServerGatewayOptions;
  readonly #apps: readonly AppGateway[];
  readonly #routes: ServerRoutes;
  readonly #server: HttpServer;
  readonly #closeUnused: () => void;
  #closing: Promise<void> | undefined;

  constructor(options: ServerGatewayOptions) {
    const { config, metrics, apps, budgets, platform } = options;
    this.#options = options;
    const draining = () => this.#closing !== undefined;
    const node = new NodeCount(config.connections);
    const { outputTotal: limit, outputTime: time } = config;
    const output = new OutputTotal({ limit, time, budgets, platform });
    const alone = apps.length === 1;
    this.#apps = apps.map((app) => new AppGateway(app, { node, output, draining, alone }));
    const named = new Map(this.#apps.map((app) => [app.clientid ?? '', app]));
    const appOf = appByHost(config.domain, named);
    const addresses = new ClientAddresses(config.trustProxy);
    const origins = new Origins(config.cors);
    this.#routes = new ServerRoutes({
      ...{ ...options, addresses, draining },
      ready: (request) => this.#ready(appOf(request)),
      scrape: async (format) =>
        (await metrics.text?.(format)) ?? { text: '', contentType: 'text/plain' },
    });
    const router = new RequestRouter({
      ...{ ...options, origins, appOf, routes: this.#routes },
      serveWithoutUpgrade: (request, head) =>
        afterAllResponses(request.socket, () => replayRequest(this.#server, request, head)),
    });
    const timeouts = httpTimeoutsFor(config.keepAlive);
    const rates = headRates(options);
    const heads = new RequestHeads({ rates, addresses, timers: platform.timers });
    const http = new HttpOutput({
      ...{ total: output, time: config.outputTime, budgets, addresses, heads, platform },
    });
    this.#server = createHttpServer(
      { ...config, output: http, origins, timeouts, timers: platform.timers },
      (request, response) => router.request(request, response),
    );
    heads.watch(this.#server, { readOn, isReceiving });
    this.#closeUnused = watchUnused(this.#server);
    const perAddress = apps.map((app) => app.config.limits.connectionsPerAddress);
    limitAccepted(this.#server, {
      perAddress: perAddress.reduce((sum, most) => sum + most, 0),
      ...{ addresses, budgets },
    });
    this.#server.on('upgrade', (request: IncomingMessage, _socket, head: Buffer) =>
      router.upgrade(request, head),
    );
  }

  /** Builds the HTTP routes. */
  async open(): Promise<void> {
    await Promise.all([this.#routes.open(), ...this.#apps.map((app) => app.open())]);
  }

  async listen(port: number, host: string): Promise<{ url: string; port: number }> {
    const server = this.#server;
    server.listen({ port, host, backlog: acceptBacklog });
    await once(server, 'listening');
    const { address, port: bound } = server.address() as AddressInfo;
    const scheme = this.#options.config.tls ? 'https' : 'http';
    return { url: `${scheme}://${reachable(address)}:${bound}`, port: bound };
  }

  renewTls(tls: TlsFiles): void {
    const server = this.#server;
    if ('setSecureContext' in server) server.setSecureContext({ cert: tls.cert, key: tls.key });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock, timers } = this.#options.platform;
    const server = this.#server;
    const deadline = clock.monotonic() + shutdownTime;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    this.#closeUnused();
    // A connection that had a request in flight stays open after its response.
    const idle = timers.every(idleCheck, () => server.closeIdleConnections());
    await Promise.all(this.#apps.map((app) => app.shutDown(deadline)));
    const rest = timers.after(Math.max(0, deadline - clock.monotonic()), () =>
      server.closeAllConnections(),
    );
    await closed;
    rest.cancel();
    idle.cancel();
    await Promise.all([this.#routes.close(), ...this.#apps.map((app) => app.close())]);
  }

  /**
   * Ready if the app that the request names is; for a request to the server itself, if any app is:
   * one broken app must not take the others out of the load balancer.
   */
  async #ready(asked: AppGateway | undefined): Promise<void> {
    if (asked) await asked.ready();
    else await Promise.any(this.#apps.map((app) => app.ready()));
  }
}

/** For heads of requests, which are read before it is known which app they are for. */
function headRates({ apps, budgets, platform }: ServerGatewayOptions): IntakeRates {
  const ofApps = apps.map((app) => app.config.rates.addressBytes);
  return new IntakeRates({
    ...{ bytes: 0, bytesBeforeInitialize: 0, clock: platform.clock },
    addressBytes: ofApps.includes(0) ? 0 : Math.max(...ofApps),
    over: (key) => budgets.refuse(key),
  });
}

/** The listening address as a client on this machine can open it. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return isIPv6(address) ? `[${address}]` : address;
}
