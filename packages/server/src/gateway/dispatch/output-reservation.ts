import { type Limits, pageShares } from '../../platform/limits.js';
import { listedMembers } from '../../presence/member-list.js';

/**
 * Shares of `limits.outputBuffer` that can be reserved for responses to commands in flight (rule LIM4),
 * so that a client that sends many requests at once and reads the responses does not count as slow.
 * The remaining shares are for output already waiting, and for the one object by which a page may
 * exceed its budget.
 */
export const reservableShares = 5;

/** Output bytes to reserve for the response to a command, given the size of its message. */
export function reserveFor(
  cmd: string,
  bytes: number,
  { outputBuffer, object, roomState }: Pick<Limits, 'outputBuffer' | 'object' | 'roomState'>,
): number {
  switch (cmd) {
    case 'read':
      return pageShares;
    case 'get':
      return Math.max(1, object / outputBuffer);
    case 'join':
      return (listedMembers * roomState) / outputBuffer;
    // The response repeats what was sent.
    case 'create':
    case 'batch':
      return bytes / outputBuffer;
    default:
      return 0;
  }
}
