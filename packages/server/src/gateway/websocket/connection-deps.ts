import type { Platform } from '../../platform/platform.js';
import { Deadlines } from '../../platform/scheduling/deadlines.js';
import type { CommandSet } from '../dispatch/commands-in-flight.js';
import { InputQuota } from '../dispatch/input-quota.js';
import { PricedResponses } from '../dispatch/priced-responses.js';
import type { TickQuota } from '../dispatch/tick-quota.js';
import type { GatewayMetrics } from '../gateway-metrics.js';
import { CommandRates } from '../limits/command-rates.js';
import { IntakeRates } from '../limits/intake-rates.js';
import type { OutputTotal } from '../limits/output-total.js';
import { UnreadInput } from '../limits/unread-input.js';
import type { GatewayOptions } from '../options.js';
import type { ActiveTokens } from '../resume/active-tokens.js';
import type { ResumableSessions } from '../resume/resumable-sessions.js';
import { Connection, type ConnectionDeps } from './connection.js';
import { Egress } from './egress.js';
import { Session } from './session.js';
import type { SessionDeps } from './session-deps.js';

export interface ConnectionDepsOptions {
  readonly gateway: Pick<
    GatewayOptions,
    'config' | 'budgets' | 'tokens' | 'audit' | 'log' | 'platform' | 'tracing'
  >;
  readonly commands: CommandSet;
  readonly live: SessionDeps['live'];
  readonly metrics: GatewayMetrics;
  readonly tickQuota: TickQuota;
  readonly resumableSessions: ResumableSessions;
  readonly activeTokens: ActiveTokens;
  /** The output waiting for all sockets of the node. */
  readonly output: OutputTotal;
  readonly onClosed: (connection: Connection) => void;
}

/** Collects what all connections share, so that each holds a single reference to it. */
export function connectionDeps(options: ConnectionDepsOptions): ConnectionDeps {
  const { gateway, commands, live, metrics, tickQuota, onClosed } = options;
  const { config, platform, tokens, audit, log, tracing } = gateway;
  const { limits, rates, idleTimeout, initializeTimeout } = config;
  return {
    commands,
    pricedResponses: new PricedResponses({ tickBytes: limits.bytesPerTick, platform }),
    live,
    tokens,
    log,
    platform,
    tracing,
    metrics,
    tickQuota,
    onClosed,
    idleTimeout,
    initializeTimeout,
    inFlight: limits.inFlight,
    messageBeforeInitialize: limits.messageBeforeInitialize,
    unread: new UnreadInput(gateway.budgets, limits.input),
    inputQuota: new InputQuota({ bytes: limits.bytesPerTick }),
    intakes: new IntakeRates({
      bytes: rates.bytes,
      address: rates.addressBytes,
      greeting: rates.bytesBeforeInitialize,
      clock: platform.clock,
      over: (key) => gateway.budgets.refuse(key),
    }),
    rateTimers: deadlines(platform, 'monotonic', Connection, (connection) =>
      connection.onRateRecovered(),
    ),
    output: limits.output,
    object: limits.object,
    jsonLimits: { depth: limits.depth, keyLength: limits.keyLength },
    egress: new Egress({ limit: limits.output, metrics, total: options.output }),
    resumableSessions: options.resumableSessions,
    activeTokens: options.activeTokens,
    audit,
    pushBuffer: { count: limits.resumePushes, bytes: limits.resumeBytes },
    rates: new CommandRates({
      commands: rates.commands,
      address: rates.address,
      clock: platform.clock,
      limited: (by) => metrics.limited(by),
    }),
    tokenTimers: deadlines(platform, 'wall', Session, (session) => session.expire()),
    idleTimers: deadlines(platform, 'monotonic', Connection, (connection) =>
      connection.checkDeadlines(),
    ),
  };
}

/** Deadlines with keys of one class. */
function deadlines<T extends object>(
  platform: Platform,
  clock: 'wall' | 'monotonic',
  kind: new (...parameters: never[]) => T,
  due: (key: T) => void,
): Deadlines {
  return new Deadlines({
    platform,
    clock,
    due: (key) => {
      if (key instanceof kind) due(key);
    },
  });
}
