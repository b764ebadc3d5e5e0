import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Counter } from '../../platform/metrics.js';
import type { AppGateway } from '../app-gateway.js';
import type { ServerGatewayOptions } from '../options.js';
import { drainBody } from './drain-body.js';
import type { HostedRequest } from './hosts.js';
import { type HttpRefusal, refusals, refuseRequest, refuseUpgrade } from './http-refusal.js';
import type { Origins } from './origins.js';
import type { ServerRoutes } from './server-routes.js';
import { pathKindOf } from './socket-path.js';

export interface RequestRouterOptions extends Pick<ServerGatewayOptions, 'metrics' | 'platform'> {
  readonly appOf: (request: HostedRequest) => AppGateway | undefined;
  readonly routes: ServerRoutes;
  readonly origins: Origins;
  /** Serves a request again as if it offered no upgrade. `head`: the bytes after its headers. */
  readonly serveWithoutUpgrade: (request: IncomingMessage, head: Buffer) => void;
}

/**
 * The first handler of every request. Refuses by path and host, in the same words with and without
 * an upgrade (rules CON2, HOST2), and passes everything else to the app that it is for.
 */
export class RequestRouter {
  readonly #options: RequestRouterOptions;
  readonly #unknownHosts: Counter;

  constructor(options: RequestRouterOptions) {
    this.#options = options;
    this.#unknownHosts = options.metrics.counter(
      'really_unknown_hosts_total',
      'Requests for a host that is no app.',
    );
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    const { appOf, routes, origins } = this.#options;
    const target = pathKindOf(request.url ?? '');
    const app = appOf(request);
    if (target === 'unsupported-version')
      refuseRequest(response, refusals.unsupportedVersion, origins);
    else if (routes.has(request)) routes.handle(request, response);
    else if (!app) void this.#refuseUnknownHost(request, response);
    else if (target === 'socket') refuseRequest(response, refusals.upgradeRequired, origins);
    else app.handle(request, response);
  }

  upgrade(request: IncomingMessage, head: Buffer): void {
    const { appOf, serveWithoutUpgrade } = this.#options;
    const target = pathKindOf(request.url ?? '');
    const wantsWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
    const app = appOf(request);
    if (target === 'other' && !wantsWebSocket) serveWithoutUpgrade(request, head);
    else if (app) app.upgrade(request, head);
    else if (target === 'unsupported-version') this.#refuse(request, refusals.unsupportedVersion);
    else this.#refuse(request, refusals.unknownApp);
  }

  /** Drains the body first: a client that is still sending would not see the response. */
  async #refuseUnknownHost(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#unknownHosts.add();
    await drainBody(request, this.#options.platform);
    refuseRequest(response, refusals.unknownApp, this.#options.origins);
  }

  #refuse(request: IncomingMessage, refusal: HttpRefusal): void {
    this.#unknownHosts.add();
    refuseUpgrade(request, refusal, this.#options.platform.timers);
  }
}
