import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boot } from './engine/boot.js';
import { isDeeper } from './engine/json-depth.js';
import { hasItsConstants } from './engine/memory-layout.js';
import { Polling } from './engine/polling.js';
import { decodeResult } from './result-codec.js';
import { compiledOf, engineWasm, sourceOf } from './sandbox.fixture.js';
import { Quarantine } from './threads/quarantine.js';
import { ScriptCall } from './threads/script-call.js';
import { SharedProgress } from './threads/shared-progress.js';

describe('the shared progress', () => {
  test('[HOK9] once it is closed no call begins, and it is known which have', () => {
    const main = new SharedProgress();
    const worker = new SharedProgress(main.buffer);
    main.openBatch();
    expect(worker.begin(0)).toBe(true);
    worker.end(0);
    expect(worker.begin(1)).toBe(true);
    expect(main.counts).toEqual({ begun: 2, ended: 1 });
    expect(main.closeBatch()).toBe(2);
    expect(worker.begin(2)).toBe(false);
    worker.end(1);
    expect(main.counts.ended).toBe(2);
    main.openBatch();
    expect(worker.begin(0)).toBe(true);
  });
});

describe('the quarantine', () => {
  const scripts = ['a', 'b'].map((source) => compiledOf(sourceOf('expression', source)));
  const [a, b] = scripts;
  if (a === undefined || b === undefined) throw new Error('two were compiled');
  const job = (compiled = a, owner = '') =>
    new ScriptCall(compiled, '[]', { owner, isOwn: false }, () => {});
  const quarantine = () => new Quarantine({ mostWaiting: 3, longestWait: 100 });

  test('[HOK9] scripts take turns, however many calls of one wait', () => {
    const slow = quarantine();
    for (const one of [job(a), job(a), job(a), job(b)]) slow.add(one, 0);
    const turns = Array.from({ length: 5 }, () => slow.next(0)?.compiled);
    expect(turns).toEqual([a, b, a, a, undefined]);
    expect(slow.size).toBe(0);
  });

  test('[HOK9] the owner of a hanging call waits; other users of the script do not', () => {
    const slow = quarantine();
    slow.strike(job(a, 'eve'), 0);
    expect(slow.has(job(a, 'eve'), 1)).toBe(true);
    expect(slow.has(job(a, 'bob'), 1)).toBe(false);
    slow.strike(job(a, 'mallory'), 1);
    expect(slow.has(job(b, 'eve'), 2)).toBe(false);
    for (const owner of ['eve', 'mallory', 'bob', 'eve']) slow.add(job(a, owner), 2);
    const turns = Array.from({ length: 4 }, () => slow.next(3)?.owner);
    expect(turns).toEqual(['bob', 'eve', 'mallory', 'eve']);
  });

  test('[HOK9] a script that exceeds its time stays, longer each time, and is forgiven', () => {
    const slow = quarantine();
    const one = job();
    expect(slow.has(one, 0)).toBe(false);
    slow.strike(one, 0);
    expect(slow.has(one, 999)).toBe(true);
    expect(slow.has(one, 1000)).toBe(false);
    slow.strike(one, 1000);
    expect(slow.has(one, 2999)).toBe(true);
    expect(slow.has(one, 3000)).toBe(false);
    for (let n = 0; n < 20; n++) slow.strike(one, 3000);
    expect(slow.has(one, 62_999)).toBe(true);
    expect(slow.has(one, 63_000)).toBe(false);
    slow.strike(one, 200_000);
    expect(slow.has(one, 201_000)).toBe(false);
    expect(slow.has(job(b), 0)).toBe(false);
  });

  test('[HOK9] an empty queue is kept until it is forgiven', () => {
    const slow = quarantine();
    slow.strike(job(), 0);
    slow.expire(1500);
    slow.strike(job(), 2000);
    expect(slow.has(job(), 3500)).toBe(true);
    slow.expire(70_000);
    slow.strike(job(), 70_000);
    expect(slow.has(job(), 71_500)).toBe(false);
  });

  test('[HOK9] its queues are limited in length and in time', () => {
    const slow = quarantine();
    const jobs = [job(), job(), job()];
    for (const [at, one] of jobs.entries()) expect(slow.add(one, at * 10)).toBe(true);
    expect(slow.add(job(), 30)).toBe(false);
    expect(slow.add(job(b), 30)).toBe(true);
    expect(slow.expire(105)).toEqual(jobs.slice(0, 1));
    expect(slow.expire(500)).toHaveLength(3);
    expect(slow.size).toBe(0);
  });

  test('[HOK9] those that have waited too long end, also behind one that came back just now', () => {
    const slow = quarantine();
    const [late, other, back] = [job(), job(), job()];
    slow.add(late, 0);
    slow.add(other, 90);
    slow.addFirst(back, 100);
    expect(slow.expire(105)).toEqual([late]);
    expect([slow.next(105), slow.next(105)]).toEqual([back, other]);
    expect(slow.size).toBe(0);
  });
});

describe('polling', () => {
  test('[HOK8] asks seldom where steps are short, and at once where they are long', () => {
    const words = new Int32Array(4);
    const polling = new Polling(words, 2);
    polling.start(1000);
    const first = words[2] ?? 0;
    expect(first).toBeLessThan(10);
    let most = 0;
    for (let asked = 0; asked < 100; asked++) {
      expect(polling.mayGoOn()).toBe(true);
      most = Math.max(most, words[2] ?? 0);
    }
    expect(most).toBeGreaterThan(first);
    const end = performance.now() + 3;
    while (performance.now() < end);
    polling.mayGoOn();
    expect(words[2]).toBeLessThan(most);
    polling.soon();
    expect(words[2]).toBe(1);
  });

  test('[HOK8] time without a question counts for little: the thread may have had no processor', () => {
    const polling = new Polling(new Int32Array(1), 0);
    polling.start(12);
    const pause = () => {
      const end = performance.now() + 30;
      while (performance.now() < end);
      return polling.mayGoOn();
    };
    expect([pause(), pause(), pause()]).toEqual([true, true, false]);
  });
});

test('[HOK10] an engine whose constants changed is detected', async () => {
  const wasm = await engineWasm();
  const sizes = { memory: 1024 * 1024, stack: 64 * 1024 };
  const lengths = {
    result: 1000,
    line: 100,
    message: 100,
    hidden: 100,
    effects: 0,
    effectChars: 0,
    reads: 0,
  };
  const { engine, layout } = await boot(wasm, { ...sizes, ...lengths }, silentHost);
  expect(layout.constantsEnd).toBeGreaterThan(layout.staticEnd / 2);
  expect(hasItsConstants(engine, layout)).toBe(true);
  const at = layout.constantsEnd - 1;
  engine.bytes[at] = (engine.bytes[at] ?? 0) ^ 1;
  expect(hasItsConstants(engine, layout)).toBe(false);
});

const silentHost = {
  print() {},
  cancel() {},
  pause() {},
  random: Math.random,
  reached() {},
  refused() {},
  interrupted: () => false,
};

test('[HOK8] the depth of JSON is that of its brackets, and not of those in texts', () => {
  const depth = (value: unknown): number => {
    if (typeof value !== 'object' || value === null) return 0;
    return 1 + Math.max(0, ...Object.values(value).map(depth));
  };
  const texts = fc.oneof(fc.constantFrom('[', '{"', '\\', '\\"', '"]'), fc.string());
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      texts,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(texts, tie('tree'), { maxKeys: 2 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const json = JSON.stringify(value);
      for (const most of [0, 1, 2, 3, 4]) expect(isDeeper(json, most)).toBe(depth(value) > most);
    }),
  );
});

test('[HOK8] an answer that cannot be read counts as thrown', () => {
  expect(decodeResult('j{')).toMatchObject({ kind: 'threw' });
  expect(decodeResult('')).toMatchObject({ kind: 'threw' });
});
