import type { Socket } from 'node:net';
import type { Budgets } from '../../platform/budget.js';
import { NetworkCount } from '../limits/connection-count.js';
import type { ClientAddresses } from './client-addresses.js';
import type { HttpServer } from './http-server.js';

interface AcceptedSocketsOptions {
  /** Connections of one address, including those that become WebSockets. */
  readonly perAddress: number;
  readonly addresses: Pick<ClientAddresses, 'isProxy'>;
  readonly budgets: Pick<Budgets, 'refuse'>;
}

/** Extra connections per address, to answer a request for one WebSocket too many with 503. */
const spare = 64;

/** Rule LIM39: limits the connections of an address from when they are accepted, whatever for. */
export function limitAccepted(
  server: HttpServer,
  { perAddress, addresses, budgets }: AcceptedSocketsOptions,
): void {
  const byNetwork = new NetworkCount();
  const known = new WeakSet<Socket>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    // A replayed request is on a socket that is counted already; a proxy carries the connections of
    // many clients.
    if (remoteAddress === undefined || known.has(socket)) return;
    if (addresses.isProxy(remoteAddress)) return;
    known.add(socket);
    if (byNetwork.of(remoteAddress) >= perAddress + spare) {
      budgets.refuse('limits.connectionsPerAddress');
      socket.destroy();
      return;
    }
    byNetwork.enter(remoteAddress);
    socket.once('close', () => byNetwork.leave(remoteAddress));
  });
}
