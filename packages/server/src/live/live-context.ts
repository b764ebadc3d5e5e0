import type { Model, ModelSet } from '../model/model.js';
import type { ViewTexts } from '../model/view/view-text.js';
import type { Objects } from '../objects/objects.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import type { Platform } from '../platform/platform.js';
import type { TickSlice } from '../platform/scheduling/tick-slice.js';
import type { Store } from '../store/store.js';
import type { LiveBudget } from './live-budget.js';
import type { LiveMetrics } from './live-metrics.js';
import type { Positions } from './position.js';
import type { FanOutPace } from './push/fan-out-pace.js';
import type { PushTelemetry } from './push/push-telemetry.js';
import type { UserUsages } from './registry/user-usages.js';

/** Dependencies shared by all parts of live/. */
export interface LiveContext {
  readonly store: Store;
  readonly models: () => ModelSet;
  readonly views: ViewTexts;
  readonly positions: Positions;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics: LiveMetrics;
  readonly telemetry: PushTelemetry;
  readonly objects: Pick<Objects, 'heads'>;
  readonly limits: Pick<Limits, 'subscriptions' | 'queries' | 'queryRows' | 'queryTime'>;
  readonly budget: LiveBudget;
  readonly usages: UserUsages;
  readonly slice: TickSlice;
  readonly pace: FanOutPace;
}

export function modelOf(context: LiveContext, names: readonly string[]): Model | undefined {
  return context.models().get(names);
}
