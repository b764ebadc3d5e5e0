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

test('how long a change took is noted once it was pushed to somebody', () => {
  const { clock, delays, ended, telemetry: subscription } = telemetry();
  const now = clock.now();
  subscription.record({ r: '/a/1', at: now - 250 }, 3, undefined);
  subscription.record({ r: '/a/1', at: now - 250 }, 0, undefined);
  // Another node's clock is ahead.
  subscription.record({ r: '/a/1', at: now + 1000 }, 1, undefined);
  expect(delays).toEqual([0.25, 0]);
  expect(ended).toEqual([]);
});

test('[TRC1] only a change that is traced has a span, which ends if somebody heard it', () => {
  const { clock, ended, telemetry: subscription } = telemetry();
  const at = clock.now();
  expect(subscription.start({ r: '/a/1' })).toBeUndefined();
  const span = subscription.start({ r: '/a/1', trace: 'x' });
  subscription.record({ r: '/a/1', at }, 0, span);
  expect(ended).toEqual([]);
  subscription.record({ r: '/a/1', at }, 2, span);
  expect(ended).toEqual([{ 'really.pushes': 2 }]);
});
