import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';

/** Headers that proxies add. */
const passedOn = ['x-forwarded-for', 'x-real-ip', 'forwarded', 'via'];

/** What of a request tells where it came from. */
export interface Origin {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: IncomingMessage['headers'];
}

/**
 * Finds the address of a client: that of the socket, or, where that is a trusted proxy, the last
 * one in X-Forwarded-For that is not a trusted proxy itself. What stands further left anybody may
 * have written.
 */
export class ClientAddresses {
  readonly #trusted: BlockList;
  readonly #loopback = networks(['127.0.0.0/8', '::1']);

  /** Addresses (`10.0.0.1`) and networks (`10.0.0.0/8`). */
  constructor(trustProxy: readonly string[]) {
    this.#trusted = networks(trustProxy);
  }

  of(request: Origin): string {
    let address = plain(request.socket.remoteAddress ?? '');
    const hops = forwardedFor(request);
    while (contains(this.#trusted, address)) {
      const hop = plain(hops.pop() ?? '');
      if (isIP(hop) === 0) break;
      address = hop;
    }
    return address;
  }

  /** True for a client on this machine. What a proxy here passed on came from elsewhere. */
  isLocal({ socket, headers }: Origin): boolean {
    if (passedOn.some((name) => name in headers)) return false;
    return contains(this.#loopback, plain(socket.remoteAddress ?? ''));
  }
}

function networks(given: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of given) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function contains(list: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

function forwardedFor({ headers }: Origin): string[] {
  const given = headers['x-forwarded-for'];
  if (given === undefined) return [];
  return (typeof given === 'string' ? given : given.join(',')).split(',');
}

/** One spelling: without port, brackets, zone, or the prefix of an IPv4 address on an IPv6 socket. */
function plain(text: string): string {
  const trimmed = text.trim();
  const bare =
    /^\[(.*)\](?::\d+)?$/.exec(trimmed)?.[1] ??
    /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(trimmed)?.[1] ??
    trimmed;
  return bare.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
