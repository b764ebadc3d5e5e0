import type { Socket } from 'node:net';
import type { Budgets } from '../../platform/budget.js';
import { NetworkCount } from '../limits/connection-count.js';
import type { ClientAddresses } from './client-addresses.js';
import type { HttpServer } from './http-server.js';

export interface AcceptedSocketsOptions {
  /** Connections of one address, including those that become WebSockets. */
  readonly perAddress: number;
  readonly addresses: Pick<ClientAddresses, 'isProxy'>;
  readonly budgets: Pick<Budgets, 'refuse'>;
}

/** Extra connections per address, to answer a request for one WebSocket too many with 503. */
const spare = 64;

/** Rule LIM39: limits the connections of an address from when they are accepted, whatever for. */
export class AcceptedSockets {
  readonly #options: AcceptedSocketsOptions;
  readonly #byNetwork = new NetworkCount();
  readonly #known = new WeakSet<Socket>();

  constructor(server: HttpServer, options: AcceptedSocketsOptions) {
    this.#options = options;
    server.on('connection', (socket: Socket) => this.#accept(socket));
  }

  /** Addresses, or IPv6 networks, with at least one connection. */
  get size(): number {
    return this.#byNetwork.size;
  }

  #accept(socket: Socket): void {
    const { remoteAddress } = socket;
    // A replayed request is on a socket that is counted already; a proxy carries the connections of
    // many clients.
    if (remoteAddress === undefined || this.#known.has(socket)) return;
    const { perAddress, addresses, budgets } = this.#options;
    if (addresses.isProxy(remoteAddress)) return;
    this.#known.add(socket);
    if (this.#byNetwork.of(remoteAddress) >= perAddress + spare) {
      budgets.refuse('limits.connectionsPerAddress');
      socket.destroy();
      return;
    }
    this.#byNetwork.enter(remoteAddress);
    socket.once('close', () => this.#byNetwork.leave(remoteAddress));
  }
}
