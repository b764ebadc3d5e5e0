import { expect, test } from 'vitest';
import { prometheusMetrics } from './prometheus-metrics.js';

test('[HTTP2] counters, gauges and histograms come out as Prometheus text', async () => {
  const metrics = prometheusMetrics();
  const counter = metrics.counter('really_tried_total', 'Tries.', ['how']);
  counter.add(2, 'hard');
  counter.add(undefined, 'hard');
  metrics.gauge('really_level', 'Level.').set(7);
  metrics.observe('really_seen', 'Seen.', () => 9);
  metrics.histogram('really_wait_seconds', 'Wait.', [0.1, 1]).record(0.5);
  const { text } = await metrics.text();
  expect(text).toContain('really_tried_total{how="hard"} 3');
  expect(text).toContain('really_level 7');
  expect(text).toContain('really_seen 9');
  expect(text).toContain('really_wait_seconds_bucket{le="1"} 1');
  expect(text).toContain('really_process_resident_memory_bytes');
});

test('[HTTP2] a counter counts on after it was read, each of its series by itself', async () => {
  const metrics = prometheusMetrics();
  const counter = metrics.counter('really_tried_total', 'Tries.', ['how', 'who']);
  for (let round = 1; round <= 2; round++) {
    counter.add(2, 'hard', 'me');
    counter.add(3, 'hard', 'you');
    counter.add(1, 'easy', 'me');
    await metrics.text();
    const { text } = await metrics.text();
    expect(text).toContain(`really_tried_total{how="hard",who="me"} ${2 * round}`);
    expect(text).toContain(`really_tried_total{how="hard",who="you"} ${3 * round}`);
    expect(text).toContain(`really_tried_total{how="easy",who="me"} ${round}`);
  }
});

test('[HTTP2] two servers in one process do not share metrics', async () => {
  const [one, other] = [prometheusMetrics(), prometheusMetrics()];
  one.counter('really_x_total', 'X.').add();
  other.counter('really_x_total', 'X.');
  expect((await other.text()).text).toContain('really_x_total 0');
});

test('[HTTP2] OpenMetrics has exemplars, and the Prometheus text after it is unchanged', async () => {
  const metrics = prometheusMetrics({ now: () => 1_700_000_000_500 });
  metrics.counter('really_tried_total', 'Tries.').add(2);
  const wait = metrics.histogram('really_wait_seconds', 'Wait.', [0.1, 1], ['cmd']);
  wait.recordTraced('4bf92f3577b34da6a3ce929d0e0e4736', 0.5, 'get');
  wait.recordTraced(undefined, 0.05, 'get');
  // Longer than an exemplar may be.
  wait.recordTraced('x'.repeat(200), 7, 'get');
  const before = await metrics.text('prometheus');
  const [open, after] = await Promise.all([
    metrics.text('openmetrics'),
    metrics.text('prometheus'),
  ]);
  expect(open.contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  const line = open.text.split('\n').find((one) => /wait_seconds_bucket.*le="1"/.test(one));
  expect(line).toMatch(
    /^really_wait_seconds_bucket\{le="1",cmd="get"\} 2 # \{trace_id="4bf92f3577b34da6a3ce929d0e0e4736"\} 0\.5 1700000000\.5$/,
  );
  expect(open.text.match(/ # \{/g)).toHaveLength(1);
  expect(open.text).toContain('# TYPE really_tried counter\nreally_tried_total 2\n');
  expect(open.text).toMatch(/\n# EOF\n$/);
  expect(after.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(after.text).not.toContain('trace_id');
  const ownLines = (text: string) => text.split('\n').filter((one) => /tried|wait/.test(one));
  expect(ownLines(after.text)).toEqual(ownLines(before.text));
  expect(after.text).toContain('really_tried_total 2');
  expect(after.text).toContain('really_wait_seconds_count{cmd="get"} 3');
});

test('[HTTP2] a counter is exported from the start, also for an app', async () => {
  const metrics = prometheusMetrics();
  metrics.ofApp('one').counter('really_failures_total', 'Failures.');
  expect((await metrics.text()).text).toContain('really_failures_total{app="one"} 0');
});
