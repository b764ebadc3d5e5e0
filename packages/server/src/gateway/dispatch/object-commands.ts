import { parseRequest, type Request, type RequestLimits } from '@really/protocol';
import { type ObjectRequest, runCommand } from '../../commands/command-table.js';
import { orderedRsOf } from '../../commands/ordered-rs.js';
import type { Services } from '../../commands/services.js';
import type { OrderKey } from './command-order.js';
import type { CommandSet } from './commands-in-flight.js';

/** The commands on objects, as the gateway runs them. */
export function objectCommands(
  services: Services,
  limits: RequestLimits,
): CommandSet<ObjectRequest> {
  return {
    parse(message) {
      const parsed = parseRequest(message, limits);
      return parsed.ok ? { ok: true, request: objectRequest(parsed.request) } : parsed;
    },
    orderKeysOf: (request) => exclusiveWhereDue(request, orderedRsOf(request)),
    run: (call, request) => runCommand({ services, ...call }, request),
  };
}

function objectRequest(request: Request): ObjectRequest {
  // The session answers these two itself.
  if (request.cmd === 'initialize' || request.cmd === 'ping') throw new Error('not for here');
  return request;
}

/**
 * Subscribe and unsubscribe change what the connection receives, so two on the same R run one after
 * the other.
 */
function exclusiveWhereDue({ cmd }: ObjectRequest, keys: readonly OrderKey[]): readonly OrderKey[] {
  if (cmd !== 'subscribe' && cmd !== 'unsubscribe') return keys;
  return keys.map(({ r }) => ({ r, mode: 'exclusive' }));
}
