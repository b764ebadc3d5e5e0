import type { Model, ModelSet } from '../model/model.js';
import type { ViewTexts } from '../model/view-text.js';
import type { Objects } from '../objects/objects.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import type { Platform } from '../platform/platform.js';
import type { TurnSlice } from '../platform/turn-slice.js';
import type { Store } from '../store/store.js';
import type { LiveBudget } from './live-budget.js';
import type { LiveMetrics } from './live-metrics.js';
import type { Pace } from './pace.js';
import type { Positions } from './position.js';
import type { PushNotes } from './push-notes.js';
import type { Shares } from './shares.js';

/** What every part of live works with. */
export interface LiveContext {
  readonly store: Store;
  readonly models: () => ModelSet;
  readonly views: ViewTexts;
  readonly positions: Positions;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics: LiveMetrics;
  readonly notes: PushNotes;
  readonly objects: Pick<Objects, 'heads'>;
  readonly limits: Pick<Limits, 'subscriptions' | 'queries' | 'queryRows' | 'queryTime'>;
  readonly budget: LiveBudget;
  readonly shares: Shares;
  readonly slice: TurnSlice;
  readonly pace: Pace;
}

export function modelOf(context: LiveContext, names: readonly string[]): Model | undefined {
  return context.models().get(names);
}
