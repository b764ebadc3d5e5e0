import { networkOf } from '../server/address-network.js';
import type { PacedSocket } from './output-pace.js';

/** One holder's part of the waiting output. */
export interface OutputShare {
  readonly holder: OutputHolder;
  readonly address: string;
  readonly bytes: number;
  /** It is being ended already. */
  readonly leaving: boolean;
}

/**
 * After an overflow, the others are brought down to this fraction of the limit, so that not every
 * further byte ends a holder.
 */
const targetFill = 7 / 8;

/**
 * The holders to end so that the rest is within the limit: each time the largest holder of the
 * address that holds most by then. So many small holders of one address do not outlast a single one
 * of another.
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
    const largest = groups.reduce((most, group) => (group.bytes > most.bytes ? group : most));
    const share = largest.shares.pop();
    if (!share) break;
    largest.bytes -= share.bytes;
    left -= share.bytes;
    ended.push(share);
  }
  return ended;
}
/** A receiver that output waits for: a WebSocket or an HTTP connection. */
export interface OutputHolder {
  /** Holders of one address are weighed together. */
  readonly address: string;
  /** Bytes waiting now. */
  readonly waiting: number;
  /** The socket that has to read in time (rule LIM33); HTTP connections are checked on their own. */
  readonly paced?: PacedSocket | undefined;
  /** Ends it to free memory. */
  giveUp(): void;
}
