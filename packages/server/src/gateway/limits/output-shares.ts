import { networkOf } from '../server/address-network.js';

/** A holder's part of the output that waits. */
export interface OutputShare {
  readonly holder: OutputHolder;
  readonly address: string;
  readonly bytes: number;
  /** It was ended before, and is not gone yet. */
  readonly leaving: boolean;
}

/** Of the limit, so much is left to those that stay: ending somebody at each further byte would be dear. */
const targetFill = 7 / 8;

/**
 * Those who are to be ended for the others to be within the limit: always one of the address that holds most by then, and of
 * that address the one that holds most. So many small holders of one address do not outlast a single one of another.
 */
export function sharesToEnd<S extends OutputShare>(shares: readonly S[], limit: number): S[] {
  const staying = shares.filter(({ leaving }) => !leaving);
  const networks = new Map<string, { bytes: number; shares: S[] }>();
  let left = 0;
  for (const share of staying.toSorted((a, b) => a.bytes - b.bytes)) {
    const network = networkOf(share.address);
    const of = networks.get(network) ?? { bytes: 0, shares: [] };
    of.bytes += share.bytes;
    of.shares.push(share);
    networks.set(network, of);
    left += share.bytes;
  }
  const ended: S[] = [];
  if (left <= limit) return ended;
  const groups = [...networks.values()];
  while (left > limit * targetFill) {
    const greediest = groups.reduce((most, one) => (one.bytes > most.bytes ? one : most));
    const share = greediest.shares.pop();
    if (!share) break;
    greediest.bytes -= share.bytes;
    left -= share.bytes;
    ended.push(share);
  }
  return ended;
}
/** Somebody for whom output waits: a WebSocket, or an HTTP connection. */
export interface OutputHolder {
  /** Where it comes from: holders of one address are weighed together. */
  readonly address: string;
  /** Bytes that wait at present. */
  readonly waiting: number;
  /** Ends it, for the sake of the others. */
  giveUp(): void;
}
