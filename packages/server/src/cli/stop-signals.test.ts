import { afterEach, beforeEach, expect, test } from 'vitest';
import { developmentSignals, productionSignals } from './stop-signals.js';

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
let before: Map<string, unknown[]>;

beforeEach(() => {
  before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
});

afterEach(() => {
  for (const signal of signals) {
    for (const listener of process.listeners(signal)) {
      if (!before.get(signal)?.includes(listener)) process.off(signal, listener);
    }
  }
});

test('[CLI14] in development SIGHUP stops, and does not count as a second SIGINT', async () => {
  const stop = developmentSignals();
  let insisted = false;
  void stop.insisted.then(() => {
    insisted = true;
  });
  stop.onHangup(() => expect.unreachable());
  process.emit('SIGINT', 'SIGINT');
  process.emit('SIGHUP', 'SIGHUP');
  expect(await stop.requested).toBe('SIGINT');
  expect(insisted).toBe(false);
  const another = developmentSignals();
  process.emit('SIGHUP', 'SIGHUP');
  expect(await another.requested).toBe('SIGHUP');
});

test('[CLI14] in production SIGHUP reloads, also a server that is starting', async () => {
  const stop = productionSignals();
  process.emit('SIGHUP', 'SIGHUP');
  let reloads = 0;
  stop.onHangup(() => {
    reloads += 1;
  });
  expect(reloads).toBe(1);
  process.emit('SIGHUP', 'SIGHUP');
  expect(reloads).toBe(2);
  process.emit('SIGTERM', 'SIGTERM');
  expect(await stop.requested).toBe('SIGTERM');
});
