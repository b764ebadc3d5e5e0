import { describe, expect, test } from 'vitest';
import { type Log, silentLog } from './log.js';
import { Readings } from './readings.fixture.js';
import { simulatedPlatform } from './simulated.js';
import { throttled } from './throttled-log.js';

function setUp() {
  const platform = simulatedPlatform({ seed: 1 });
  const metrics = new Readings();
  const lines: { fields: object; message: string }[] = [];
  const write = (fields: object, message: string) => void lines.push({ fields, message });
  const sink: Log = { ...silentLog, info: write, warn: write, error: write, child: () => sink };
  const log = throttled(sink, { metrics, clock: platform.clock });
  const omitted = () => metrics.read('really_log_lines_omitted_total');
  return { platform, lines, log, omitted };
}

describe('[LIM41] similar lines', () => {
  test('are written up to a burst, then at a rate; the next line says how many were dropped', () => {
    const { platform, lines, log, omitted } = setUp();
    for (let n = 0; n < 1000; n++) log.info({ n }, 'like the others');
    expect(lines.length).toBe(500);
    expect(omitted()).toBe(500);
    platform.advance(20);
    log.info({ n: 1000 }, 'like the others');
    expect(lines.at(-1)?.fields).toEqual({ n: 1000, omitted: 500 });
    log.info({ n: 1001 }, 'like the others');
    expect(lines.length).toBe(501);
    platform.advance(60_000);
    log.info({ n: 1002 }, 'like the others');
    expect(lines.at(-1)?.fields).toEqual({ n: 1002, omitted: 1 });
  });

  test('with the same error have a lower rate, and other lines are still written', () => {
    const { lines, log } = setUp();
    const fail = (text: string, cmd: string) =>
      log.error({ cmd, err: new Error('x', { cause: new Error(text) }) }, 'a command failed');
    for (let n = 0; n < 100; n++) fail('of a hook', 'create');
    expect(lines.length).toBe(20);
    fail('of another hook', 'create');
    fail('of a hook', 'update');
    expect(lines.length).toBe(22);
  });

  test('with different errors are limited together', () => {
    const { lines, log } = setUp();
    for (let n = 0; n < 10_000; n++) log.error({ err: new Error(`no ${n}`) }, 'a command failed');
    expect(lines.length).toBe(500);
  });

  test('from one script are one kind, whatever it prints', () => {
    const { lines, log } = setUp();
    for (let n = 0; n < 1000; n++) log.info({ script: 'users/post-create.js' }, `text ${n}`);
    log.info({ script: 'users/validate.js' }, 'text');
    expect(lines.length).toBe(501);
  });

  test('count together across child logs', () => {
    const { lines, log } = setUp();
    for (let n = 0; n < 1000; n++) log.child({ n }).warn({}, 'like the others');
    expect(lines.length).toBe(500);
  });
});

test('[LIM41] other lines are not delayed', () => {
  const { lines, log } = setUp();
  for (let n = 0; n < 1000; n++) log.info({}, 'a flood');
  log.warn({}, 'something else');
  expect(lines.at(-1)?.message).toBe('something else');
});
