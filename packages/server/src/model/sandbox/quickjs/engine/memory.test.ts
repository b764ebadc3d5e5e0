import { expect, test } from 'vitest';
import { callVm, compiledOf, openVm, returned, sourceOf, TestSandbox } from '../sandbox.fixture.js';

const hungry = [
  'const a = []; for (;;) a.push(new Array(10000).fill(0));',
  '"x".repeat(2 ** 29);',
  'let s = "x"; for (;;) s += s;',
  'globalThis.left = new ArrayBuffer(300 * 1024);',
  'const m = new Map(); for (let i = 0; i < 2000; i++) m.set({}, m); globalThis.m = m;',
  'const a = []; for (let i = 0; i < 1000; i++) a.push({ a }); throw a;',
  'const f = () => f(); f();',
  'cancel(400, "x".repeat(1000));',
  'print("x".repeat(1000)); hide("a"); return "x".repeat(1000);',
];

test('[HOK8] [HOK10] memory stays flat over 10,000 calls that use all of it', async () => {
  const sandbox = await TestSandbox.open({
    memoryLimit: 512 * 1024,
    stackLimit: 64 * 1024,
    print: () => {},
  });
  const round = async (count: number) => {
    for (let done = 0; done < count; done += 100) {
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          sandbox.body(hungry[index % hungry.length] ?? ''),
        ),
      );
    }
    return process.memoryUsage.rss();
  };
  await round(1500);
  const before = process.memoryUsage.rss();
  await round(8500);
  const grown = process.memoryUsage.rss() - before;
  expect(grown).toBeLessThan(64 * 1024 * 1024);
  expect(await sandbox.value('1 + 1')).toEqual(returned(2));
  await sandbox.close();
});

test('[HOK10] more programs than are kept compiled use no more memory', async () => {
  const vm = await openVm({ programs: 1024 * 1024 });
  const programs = Array.from({ length: 50 }, (_, index) =>
    compiledOf(sourceOf('expression', `${index} + 1`)),
  );
  for (let round = 0; round < 3; round++) {
    for (const [index, program] of programs.entries()) {
      expect(await callVm(vm, program)).toEqual(returned(index + 1));
    }
  }
});

test('[HOK8] a call leaves all of the memory to the next', async () => {
  const sandbox = await TestSandbox.open({ timeLimit: 1000 });
  const most = 'globalThis.left = new ArrayBuffer(30 * 1024 * 1024); return 1;';
  for (let call = 0; call < 10; call++) expect(await sandbox.body(most)).toEqual(returned(1));
  await sandbox.close();
});
