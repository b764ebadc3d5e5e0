import { parseRequest, type Request, type RequestLimits } from '@really/protocol';
import { type ObjectRequest, runCommand } from '../commands/command-table.js';
import { lanesOf } from '../commands/lanes.js';
import type { Services } from '../commands/services.js';
import type { CommandSet } from './commands-in-flight.js';
import type { Lane } from './lanes.js';

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
    lanesOf: (request) => exclusiveWhereDue(request, lanesOf(request)),
    run: (call, request) => runCommand({ services, ...call }, request),
  };
}

function objectRequest(request: Request): ObjectRequest {
  // The session answers these two itself and never hands them on.
  if (request.cmd === 'initialize' || request.cmd === 'ping') throw new Error('not for here');
  return request;
}

/** Subscriptions change what the connection hears: of two on one R the second waits for the first. */
function exclusiveWhereDue({ cmd }: ObjectRequest, lanes: readonly Lane[]): readonly Lane[] {
  if (cmd !== 'subscribe' && cmd !== 'unsubscribe') return lanes;
  return lanes.map(({ r }) => ({ r, mode: 'exclusive' }));
}
