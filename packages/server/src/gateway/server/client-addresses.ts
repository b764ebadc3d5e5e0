import { BlockList, isIP, isIPv4 } from 'node:net';
import { type HostedRequest, hostOf, portOf } from './hosts.js';

/** Headers that proxies, load balancers and CDNs add. */
const ofProxies = new RegExp(
  `^(?:${[
    ...['forwarded', 'via', 'cdn-loop', 'proxy-.*', 'x-forwarded.*', 'x-original-.*'],
    ...['x-real-ip', 'x-client-ip', 'x-cluster-client-ip', 'client-ip', 'true-client-ip'],
    ...['cf-.*', 'fastly-.*', 'fly-.*', 'x-envoy-.*', 'x-azure-.*', 'x-appengine-.*', 'x-arr-.*'],
    ...['x-amzn-trace-id', 'x-amz-cf-id', 'x-cloud-trace-context'],
  ].join('|')})$`,
);

/** The parts of a request that say where it came from. */
export interface ClientRequest extends HostedRequest {
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    readonly localPort?: number | undefined;
  };
  readonly httpVersion: string;
}

/**
 * Finds the address of a client: that of the socket or, behind a trusted proxy, the last address in
 * X-Forwarded-For that is not a trusted proxy. Anything further left may be forged.
 */
export class ClientAddresses {
  readonly #trusted: BlockList;
  readonly #loopback = networks(['127.0.0.0/8', '::1']);

  /** Addresses (`10.0.0.1`) and networks (`10.0.0.0/8`). */
  constructor(trustProxy: readonly string[]) {
    this.#trusted = networks(trustProxy);
  }

  of(request: Pick<ClientRequest, 'socket' | 'headers'>): string {
    let address = plain(request.socket.remoteAddress ?? '');
    // A list is joined with commas.
    const hops = String(request.headers['x-forwarded-for'] ?? '').split(',');
    while (contains(this.#trusted, address)) {
      const hop = plain(hops.pop() ?? '');
      if (isIP(hop) === 0) break;
      address = hop;
    }
    return address;
  }

  /** True for the address of a proxy, which carries the connections of many clients. */
  isProxy(address: string): boolean {
    return contains(this.#trusted, plain(address));
  }

  /**
   * Rule HTTP2: true for a client on this machine. A proxy on this machine forwards requests from
   * elsewhere, possibly without adding a header. Trusted proxies are known by address; others
   * forward the host and port that their clients asked for; and one that sets these to its own
   * upstream speaks HTTP/1.0.
   */
  isLocal(request: ClientRequest): boolean {
    const peer = plain(request.socket.remoteAddress ?? '');
    if (!contains(this.#loopback, peer) || contains(this.#trusted, peer)) return false;
    if (request.httpVersion !== '1.1' || !this.#isLoopbackName(hostOf(request))) return false;
    const { localPort } = request.socket;
    if ((portOf(request) ?? localPort) !== localPort) return false;
    return !Object.keys(request.headers).some((name) => ofProxies.test(name));
  }

  #isLoopbackName(host: string): boolean {
    if (host === 'localhost' || host.endsWith('.localhost')) return true;
    return contains(this.#loopback, plain(host));
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

/** Normalizes an address: no port, brackets, zone or IPv4-mapped prefix. */
function plain(text: string): string {
  const trimmed = text.trim();
  const bare =
    /^\[(.*)\](?::\d+)?$/.exec(trimmed)?.[1] ??
    /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(trimmed)?.[1] ??
    trimmed;
  return bare.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
