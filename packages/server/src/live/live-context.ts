import type { Model, ModelSet } from '../model/model.js';
import type { ViewTexts } from '../model/view/view-text.js';
import type { NewestObjects } from '../objects/judged-again.js';
import type { Objects } from '../objects/objects.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import type { Platform } from '../platform/platform.js';
import type { FairLimiter } from '../platform/scheduling/fair-limiter.js';
import type { InFlight } from '../platform/scheduling/in-flight.js';
import type { TickSlice } from '../platform/scheduling/tick-slice.js';
import type { QueryLimiter } from '../queries/query-limiter.js';
import type { Store } from '../store/store.js';
import type { LogCursor } from './catch-up/log-cursor.js';
import type { LiveBudget } from './live-budget.js';
import type { LiveMetrics } from './live-metrics.js';
import type { RightsClock } from './lookups/rights-clock.js';
import type { Positions } from './position.js';
import type { FanOutPace } from './push/fan-out.js';
import type { PushTelemetry } from './push/push-telemetry.js';
import type { UserUsages } from './registry/user-usages.js';

/** Dependencies shared by all parts of live/. */
export interface LiveContext {
  readonly store: Store;
  readonly models: () => ModelSet;
  readonly views: ViewTexts;
  readonly rightsClock: RightsClock;
  readonly positions: Positions;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics: LiveMetrics;
  readonly telemetry: PushTelemetry;
  /** What is committed, from memory if possible. */
  readonly objects: Pick<Objects, 'heads'> & NewestObjects;
  readonly limits: Pick<
    Limits,
    'subscriptions' | 'queries' | 'queryRows' | 'queryTime' | 'outputBuffer' | 'windowWorkPerNode'
  >;
  /** Charges who asks for a window for what reading it took; without it nobody is charged. */
  readonly queryCharge?: Pick<QueryLimiter, 'spend' | 'paidOff'> | undefined;
  readonly budget: LiveBudget;
  readonly usages: UserUsages;
  readonly inFlight: InFlight;
  /** Of reads of the store for subscriptions. */
  readonly limiter: FairLimiter;
  readonly cursor: LogCursor;
  readonly slice: TickSlice;
  readonly pace: FanOutPace;
}

export function modelOf(context: LiveContext, names: readonly string[]): Model | undefined {
  return context.models().get(names);
}
