import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { ServerProcess } from '../harness/server-process.js';
import { tasks } from './models.js';
import { linesOf, runProgram } from './run-program.js';

const secret = 'a secret for the benchmark, long enough';
const op = '{"op":"set","key":"title","value":"again"}';
const short = ['--time', '300ms', '--connections', '4'];
const writes = ['--r', '/tasks', '--body', '{"title":"one"}', '--op', op];

test('[CLI10] bench prints throughput and latencies of the requested operations', async () => {
  await using app = await appFolder(tasks);
  await using server = await ServerProcess.start({ dir: app.dir, env: { REALLY_SECRET: secret } });
  const args = ['bench', '--url', server.url, '--secret', secret, ...short, ...writes];
  const { code, stdout } = await runProgram(args, app);
  expect(code).toBe(0);
  const [head, ...rows] = linesOf(stdout).map((line) => line.split(/ {2,}/));
  expect(head).toEqual('operation,count,per second,p50 ms,p90 ms,p99 ms,max ms'.split(','));
  expect(rows.map(([name]) => name)).toEqual(['ping', 'create', 'update', 'write to push']);
  for (const [, count, rate, ...times] of rows) {
    expect(Number(count)).toBeGreaterThan(0);
    expect(Number(rate)).toBeGreaterThan(0);
    const numbers = times.map(Number);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
  // Every update that was answered was pushed, too.
  expect(rows[3]?.[1]).toBe(rows[2]?.[1]);
});

test('[CLI10] bench asks the server of its folder, and a bare number is seconds', async () => {
  await using app = await appFolder(tasks);
  await using server = await ServerProcess.start({ dir: app.dir, env: { REALLY_SECRET: secret } });
  const { port } = new URL(server.url);
  await app.write({ 'really.yaml': `port: ${port}\n` });
  const args = ['bench', '--time', '1', '--connections', '2'];
  const begun = performance.now();
  const { code, stdout, stderr } = await runProgram(args, app);
  expect(code).toBe(0);
  expect(stderr).toContain(`opening 2 connections to ${server.url}`);
  expect(performance.now() - begun).toBeGreaterThan(1000);
  expect(linesOf(stdout)).toHaveLength(2);
  await app.write({ 'really.yaml': 'port: 1\n' });
  const flag = await runProgram([...args, '--port', port], app);
  expect(flag).toMatchObject({ code: 0, stderr: expect.stringContaining(server.url) });
  await app.write({ 'really.yaml': 'port: 0\n' });
  const unknown = await runProgram(args, app);
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('give --port') });
});

test('[CLI10] commands that use a running server mention --port', async () => {
  await using app = await appFolder({});
  for (const args of [['bench'], ['migrate'], ['dead-letters', 'list']]) {
    const { stdout } = await runProgram([...args, '--help'], app);
    expect(stdout).toMatch(/--port <PORT> +port of the running server/);
    expect(stdout).not.toContain('listen on');
  }
  const { stdout } = await runProgram(['bench', '--help'], app);
  expect(stdout.replace(/\s+/g, ' ')).toContain('a bare number is seconds (default: 5s)');
});

test('[CLI10] bench says when its results are bounded by the limits of the server', async () => {
  await using app = await appFolder(tasks);
  const env = { REALLY_SECRET: secret, REALLY_RATE_COMMANDS: '20' };
  await using server = await ServerProcess.start({ dir: app.dir, env });
  // Time for more than 20 requests, on a busy machine as well.
  const args = ['bench', '--url', server.url, '--time', '3s', '--connections', '4'];
  const { code, stdout, stderr } = await runProgram(args, app);
  expect(code).toBe(0);
  expect(linesOf(stdout)).toHaveLength(2);
  expect(stderr).toMatch(/\d+ requests were over a rate limit/);
});

test('[CLI10] [CLI5] bench says in one line why it stopped', async () => {
  await using app = await appFolder(tasks);
  await using server = await ServerProcess.start({ dir: app.dir, env: { REALLY_SECRET: secret } });
  const args = ['bench', '--url', server.url, ...short, '--r', '/nothing'];
  const refused = await runProgram(args, app);
  expect(refused.code).toBe(1);
  expect(linesOf(refused.stderr).at(-1)).toMatch(/create was refused: 404 model\.unknown$/);
  const nobody = await runProgram(['bench', '--url', 'http://127.0.0.1:1', '--token', 't'], app);
  expect(nobody.code).toBe(1);
  expect(linesOf(nobody.stderr).at(-1)).toContain('ECONNREFUSED');
  for (const wrong of [
    ['--url', 'nowhere'],
    ['--connections', '0'],
    ['--r', '/tasks/1'],
    ['--body', '[]'],
  ]) {
    expect((await runProgram(['bench', ...wrong], app)).code).toBe(2);
  }
});
