import { expect, test } from 'vitest';
import { prometheusMetrics } from './metrics.js';

test('[HTTP2] counters, gauges and histograms come out as Prometheus text', async () => {
  const metrics = prometheusMetrics();
  const counter = metrics.counter('really_tried_total', 'Tries.', ['how']);
  counter.add(2, 'hard');
  counter.add(undefined, 'hard');
  metrics.gauge('really_level', 'Level.').set(7);
  metrics.observe('really_seen', 'Seen.', () => 9);
  metrics.histogram('really_wait_seconds', 'Wait.', [0.1, 1]).record(0.5);
  const text = await metrics.text();
  expect(text).toContain('really_tried_total{how="hard"} 3');
  expect(text).toContain('really_level 7');
  expect(text).toContain('really_seen 9');
  expect(text).toContain('really_wait_seconds_bucket{le="1"} 1');
  expect(text).toContain('really_process_resident_memory_bytes');
});

test('[HTTP2] two servers in one process do not share metrics', async () => {
  const [one, other] = [prometheusMetrics(), prometheusMetrics()];
  one.counter('really_x_total', 'X.').add();
  other.counter('really_x_total', 'X.');
  expect(await other.text()).toContain('really_x_total 0');
});
