import { type Limits, pageShares } from '../../platform/limits.js';

/**
 * How much of the output that may wait on a socket (rule LIM4) is set aside for the answers to commands
 * in flight, in shares of `limits.output`: so that a client which sends many requests in one go, and
 * reads, is not taken for one that does not read. The other shares are for what waits already, and
 * for the one object by which a page may be larger than it should.
 */
export const reservableShares = 5;

/** What is set aside for the answer to one command, given the bytes of its message. */
export function reserveFor(
  cmd: string,
  bytes: number,
  { output, object }: Pick<Limits, 'output' | 'object'>,
): number {
  switch (cmd) {
    case 'read':
      return pageShares;
    case 'get':
      return Math.max(1, object / output);
    // The answer has what was sent.
    case 'create':
    case 'batch':
      return bytes / output;
    default:
      return 0;
  }
}
