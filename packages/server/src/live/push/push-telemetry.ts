import type { Histogram, Metrics } from '../../platform/metrics.js';
import type { Clock } from '../../platform/platform.js';
import { exampleOf, type Span, type Tracing } from '../../platform/tracing.js';
import type { CommittedChange } from '../../store/stored-object.js';

export interface PushTelemetryOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly tracing: Tracing | undefined;
}

/** Records the delay from a change's write to its push, and the trace if there is one. */
export class PushTelemetry {
  readonly #clock: Clock;
  readonly #delay: Histogram;
  readonly #tracing: Tracing | undefined;

  constructor({ clock, metrics, tracing }: PushTelemetryOptions) {
    this.#clock = clock;
    this.#tracing = tracing;
    this.#delay = metrics.histogram(
      'really_push_delay_duration_seconds',
      'Time from the write of a change until it is handed to the connections of its subscribers, once for each object, collection or window.',
      [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    );
  }

  /** Starts the span of a push. It is recorded only if it is passed to `record`. */
  start({ r, trace }: Pick<CommittedChange, 'r' | 'trace'>): Span | undefined {
    if (trace === undefined) return undefined;
    return this.#tracing?.push(trace, { 'really.r': r });
  }

  /** Call after the change was pushed to `pushes` connections. */
  record({ at }: Pick<CommittedChange, 'at'>, pushes: number, span: Span | undefined): void {
    if (pushes === 0) return;
    // The clocks of nodes differ, so this can be negative.
    const seconds = Math.max(0, this.#clock.now() - at) / 1000;
    this.#delay.recordTraced(exampleOf(span), seconds);
    span?.end({ 'really.pushes': pushes });
  }
}
