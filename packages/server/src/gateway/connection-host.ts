import { Deadlines } from '../platform/deadlines.js';
import type { Platform } from '../platform/platform.js';
import { Answers } from './answers.js';
import { CommandRates } from './command-rates.js';
import type { CommandSet } from './commands-in-flight.js';
import { Connection, type ConnectionHost } from './connection.js';
import { Egress } from './egress.js';
import type { GatewayMetrics } from './gateway-metrics.js';
import type { Handles } from './handles.js';
import { InputTurn } from './input-turn.js';
import { IntakeRates } from './intake-rates.js';
import type { LiveTokens } from './live-tokens.js';
import type { GatewayOptions } from './options.js';
import type { OutputTotal } from './output-total.js';
import { Session } from './session.js';
import type { SessionHost } from './session-host.js';
import type { TurnShare } from './turn-share.js';
import { UnreadInput } from './unread-input.js';

export interface ConnectionHostOptions {
  readonly gateway: Pick<
    GatewayOptions,
    'config' | 'budgets' | 'tokens' | 'audit' | 'log' | 'platform' | 'tracing'
  >;
  readonly commands: CommandSet;
  readonly live: SessionHost['live'];
  readonly metrics: GatewayMetrics;
  readonly turn: TurnShare;
  readonly handles: Handles;
  readonly liveTokens: LiveTokens;
  /** What waits for all sockets of the node. */
  readonly output: OutputTotal;
  readonly gone: (connection: Connection) => void;
}

/** Puts together what all connections share, so that each of them holds one reference in place of many. */
export function makeConnectionHost(options: ConnectionHostOptions): ConnectionHost {
  const { gateway, commands, live, metrics, turn, gone } = options;
  const { config, platform, tokens, audit, log, tracing } = gateway;
  const { limits, rates, idleTimeout, initializeTimeout } = config;
  return {
    commands,
    answers: new Answers({ turnBytes: limits.turnBytes, platform }),
    live,
    tokens,
    log,
    platform,
    tracing,
    metrics,
    turn,
    gone,
    idleTimeout,
    initializeTimeout,
    inFlight: limits.inFlight,
    greeting: limits.messageBeforeInitialize,
    unread: new UnreadInput(gateway.budgets, limits.input),
    input: new InputTurn({ bytes: limits.turnBytes }),
    intakes: new IntakeRates({
      bytes: rates.bytes,
      address: rates.addressBytes,
      greeting: rates.bytesBeforeInitialize,
      clock: platform.clock,
      over: (key) => gateway.budgets.refuse(key),
    }),
    rooms: deadlines(platform, 'monotonic', Connection, (connection) => connection.roomy()),
    output: limits.output,
    object: limits.object,
    shape: { depth: limits.depth, keyLength: limits.keyLength },
    egress: new Egress({ limit: limits.output, metrics, total: options.output }),
    handles: options.handles,
    liveTokens: options.liveTokens,
    audit,
    sentPushes: { count: limits.resumePushes, bytes: limits.resumeBytes },
    rates: new CommandRates({
      commands: rates.commands,
      address: rates.address,
      clock: platform.clock,
      limited: (by) => metrics.limited(by),
    }),
    expiries: deadlines(platform, 'wall', Session, (session) => session.expire()),
    silences: deadlines(platform, 'monotonic', Connection, (connection) => connection.due()),
  };
}

/** Deadlines whose keys are objects of one class. */
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
