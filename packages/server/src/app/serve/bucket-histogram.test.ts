import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { BucketHistogram } from './bucket-histogram.js';

const buckets = [0.005, 0.1, 1, 2.5];
const config = (registry: Registry, labelNames: string[]) => ({
  ...{ name: 'really_wait_seconds', help: 'Wait.', registers: [registry], buckets, labelNames },
});

test('[HTTP2] a histogram has the text that the library makes of the same values', async () => {
  const value = fc.oneof(
    fc.constantFrom(0, ...buckets),
    fc.double({ min: 0, max: 5, noNaN: true }),
  );
  const label = fc.constantFrom('get', 'a"b', '');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(value, label, label)), async (values) => {
      const [ours, theirs] = [new Registry(), new Registry()];
      const labelNames = ['cmd', 'result'];
      const own = new BucketHistogram(config(ours, labelNames));
      const oracle = new Histogram(config(theirs, labelNames));
      for (const [each, cmd, result] of values) {
        own.series([cmd, result]).record(each);
        oracle.labels(cmd, result).observe(each);
      }
      expect(await ours.metrics()).toBe(await theirs.metrics());
    }),
  );
});

test('[HTTP2] a histogram without labels is there from the start', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const own = new BucketHistogram(config(ours, []));
  const oracle = new Histogram(config(theirs, []));
  expect(await ours.metrics()).toBe(await theirs.metrics());
  own.series([]).record(0.3);
  oracle.observe(0.3);
  expect(await ours.metrics()).toBe(await theirs.metrics());
});
