import { expect, test } from 'vitest';
import { noMetrics } from '../../platform/metrics.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import type { Span } from '../../platform/tracing.js';
import { PushTelemetry } from './push-telemetry.js';

function telemetry() {
  const { clock } = simulatedPlatform({ seed: 1 });
  const delays: number[] = [];
  const ended: object[] = [];
  const span: Span = {
    traceparent: 'push',
    child: () => span,
    end: (attributes = {}) => ended.push(attributes),
  };
  const metrics = {
    ...noMetrics,
    histogram: () => ({
      record() {},
      recordTraced: (_trace: string | undefined, seconds: number) => delays.push(seconds),
    }),
  };
  const tracing = { command: () => span, push: () => span };
  return { clock, delays, ended, telemetry: new PushTelemetry({ clock, metrics, tracing }) };
}

test('the delay of a change is recorded if it was pushed', () => {
  const { clock, delays, ended, telemetry: pushTelemetry } = telemetry();
  const now = clock.now();
  pushTelemetry.record({ at: now - 250 }, 3, undefined);
  pushTelemetry.record({ at: now - 250 }, 0, undefined);
  // Another node's clock is ahead.
  pushTelemetry.record({ at: now + 1000 }, 1, undefined);
  expect(delays).toEqual([0.25, 0]);
  expect(ended).toEqual([]);
});

test('[TRC1] only a traced change has a span, which ends if it was pushed', () => {
  const { clock, ended, telemetry: pushTelemetry } = telemetry();
  const at = clock.now();
  expect(pushTelemetry.start({ r: '/a/1' })).toBeUndefined();
  const span = pushTelemetry.start({ r: '/a/1', trace: 'x' });
  pushTelemetry.record({ at }, 0, span);
  expect(ended).toEqual([]);
  pushTelemetry.record({ at }, 2, span);
  expect(ended).toEqual([{ 'really.pushes': 2 }]);
});
