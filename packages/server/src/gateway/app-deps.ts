import type { Platform } from '../platform/platform.js';
import { Deadlines } from '../platform/scheduling/deadlines.js';
import { InputQuota } from './dispatch/input-quota.js';
import { PricedResponses } from './dispatch/priced-responses.js';
import { TickQuota } from './dispatch/tick-quota.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { RequestTurns } from './http/request-turns.js';
import { AddressRates } from './limits/address-rates.js';
import { CommandRates } from './limits/command-rates.js';
import { ConnectionCount, type NodeCount } from './limits/connection-count.js';
import { IntakeRates } from './limits/intake-rates.js';
import { LoginRates } from './limits/login-rates.js';
import type { OutputTotal } from './limits/output-total.js';
import { UnreadInput } from './limits/unread-input.js';
import type { GatewayOptions } from './options.js';
import { ActiveTokens } from './resume/active-tokens.js';
import { ResumableEntries } from './resume/resumable-entries.js';
import { ResumableSessions } from './resume/resumable-sessions.js';
import { ClientAddresses } from './server/client-addresses.js';
import { Origins } from './server/origins.js';
import { Connections } from './websocket/connections.js';
import { Egress } from './websocket/egress.js';

/** What all apps of a server share. */
export interface SharedGatewayDeps {
  readonly node: NodeCount;
  readonly output: OutputTotal;
  /** True while the server shuts down. */
  readonly draining: () => boolean;
  /** True where this is the only app of the server. */
  readonly alone: boolean;
}

/**
 * What an app's connections, streams and routes share; each holds one reference to it. `limits` are
 * those of `config`, and `resumable` is all that is kept for dropped clients.
 */
export type AppDeps = Readonly<ReturnType<typeof appDeps>>;

export function appDeps(options: GatewayOptions, shared: SharedGatewayDeps) {
  const { config, platform, budgets, live, rooms, revocations, settle } = options;
  const { limits } = config;
  const metrics = new GatewayMetrics(options.metrics);
  const egress = new Egress({ limit: limits.outputBuffer, metrics, total: shared.output });
  const activeTokens = new ActiveTokens(revocations);
  const window = config.resumeWindow;
  const resumable = new ResumableEntries({ limits, window, budgets, platform });
  budgets.counted('limits.revokedTokens', () => revocations.tokens);
  const resume = { metrics: options.metrics, activeTokens, resumable, live, rooms };
  return {
    ...{ ...options, limits, metrics, draining: shared.draining, egress, activeTokens, resumable },
    addresses: new ClientAddresses(config.trustProxy),
    ...ratesOf(options, metrics),
    /** Turns within a tick of the event loop. A single app has no other app to leave ticks to. */
    tickQuota: new TickQuota(shared.alone ? Number.POSITIVE_INFINITY : limits.messagesPerTick),
    inputQuota: new InputQuota(limits.bytesPerTick),
    /** When bodies of HTTP requests are parsed. */
    bodyTurns: new RequestTurns(platform.clock),
    pricedResponses: new PricedResponses(limits.bytesPerTick, platform),
    count: new ConnectionCount(limits, shared.node),
    connections: new Connections(platform, egress, settle),
    unread: new UnreadInput(budgets, limits.input),
    resumableSessions: new ResumableSessions(resume),
    ...timersOf(platform),
  };
}

/** Everything that counts by uid, address or account. */
function ratesOf({ config, platform, budgets }: GatewayOptions, metrics: GatewayMetrics) {
  const { rates } = config;
  const { clock } = platform;
  const origins = new Origins(config.cors);
  const perAddress = (by: 'signup' | 'login') =>
    new AddressRates({ amount: rates[by], clock, origins, limited: () => metrics.limited(by) });
  const logins = perAddress('login');
  return {
    /** Web origins that may call. */
    origins,
    rates: new CommandRates({ ...rates, clock, limited: (by) => metrics.limited(by) }),
    intakes: new IntakeRates({ ...rates, clock, over: (key) => budgets.refuse(key) }),
    /** Signups and anonymous tokens. */
    signups: perAddress('signup'),
    /** Of anonymous tokens, as many as there may be new ones. */
    logouts: perAddress('signup'),
    /** Secrets tried. */
    logins,
    /** Passwords tried, by account too. */
    passwords: new LoginRates({
      ...{ addresses: logins, clock, origins },
      known: rates.login,
      account: rates.loginAccount,
    }),
  };
}

function timersOf(platform: Platform) {
  /** Calls a method of each holder whose deadline is reached. */
  const timers = <Due extends string>(due: Due, clock: 'monotonic' | 'wall' = 'monotonic') =>
    new Deadlines<Record<Due, () => void>>({ platform, clock, due: (holder) => holder[due]() });
  return {
    tokenTimers: timers('expire', 'wall'),
    /** When a client that was over its rate may send again. */
    rateTimers: timers('onRateRecovered'),
    /** Idle and initialize timeouts. */
    idleTimers: timers('checkDeadlines'),
    /** Pings to clients in rooms. */
    lifeTimers: timers('checkLife'),
    /** Until the next part of a body has to arrive. */
    bodyTimers: timers('checkProgress'),
  };
}
