import {
  defaultRequestLimits,
  type JsonObject,
  type ParsedR,
  type ParsedRequest,
  parseRequest,
} from '@really/protocol';
import { type ObjectRequest, orderKeysOf, runCommand } from '../../commands/command-table.js';
import type { OrderKey } from '../../commands/order-keys.js';
import type { CommandContext, Reply, Services } from '../../commands/services.js';

/** The part of a parsed request that the gateway uses. */
export interface CommandRequest {
  readonly cmd: string;
  readonly tag: number;
  readonly traceId?: string | undefined;
  readonly target?: ParsedR | undefined;
}

/** Who sent a command, and how. */
export type CommandCall = Omit<CommandContext, 'services'>;

/** The commands, except those that the session handles itself. */
export interface CommandSet<R extends CommandRequest = CommandRequest> {
  parse(
    message: JsonObject,
  ): { readonly ok: true; readonly request: R } | Extract<ParsedRequest, { ok: false }>;
  /** The Rs that it is kept in order by, each once. */
  orderKeysOf(request: R): readonly OrderKey[];
  run(call: CommandCall, request: R): Promise<Reply>;
}

export function objectCommands(services: Services): CommandSet<ObjectRequest> {
  const { keyLength, pathDepth } = services.limits;
  const limits = { ...defaultRequestLimits, keyLength, pathDepth };
  return {
    parse(message) {
      const parsed = parseRequest(message, limits);
      if (!parsed.ok) return parsed;
      const { request } = parsed;
      // The session answers these two itself.
      if (request.cmd === 'initialize' || request.cmd === 'ping') throw new Error('not for here');
      return { ok: true, request };
    },
    orderKeysOf,
    run: (call, request) => runCommand({ services, ...call }, request),
  };
}
