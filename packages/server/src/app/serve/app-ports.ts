import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import type { Platform } from '../../platform/platform.js';
import type { ShutdownStack } from './shutdown-stack.js';

/** What every part of an app is opened with. */
export interface AppPorts {
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Registers how to close what is opened. */
  readonly shutdown: ShutdownStack;
}
