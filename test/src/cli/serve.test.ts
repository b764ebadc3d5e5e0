import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { anonymousToken, Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { tasks } from './models.js';
import { linesOf, runProgram } from './run-program.js';

const noAccess = {
  'models/tasks/model.yaml': 'version: 1\nfields: { title: { type: String } }\n',
};

async function freePort(): Promise<{ port: number; close: () => void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, close: () => server.close() };
}

describe('the ready line', () => {
  test('[CLI1] dev prints exactly one line on stdout, with the URL at which it serves', async () => {
    await using app = await appFolder(noAccess);
    await using server = await ServerProcess.start({
      dir: app.dir,
      command: 'dev',
      env: { REALLY_SECRET: '' },
    });
    expect((await fetch(`${server.url}/ready`)).status).toBe(200);
    expect(new URL(server.url).hostname).toBe('127.0.0.1');
    await server.stop();
    expect(linesOf(server.output.stdout)).toHaveLength(1);
    expect(server.output.stdout).toContain(server.url);
  });

  test('[CLI1] start prints JSON lines on stdout, and one of them is ready with the url', async () => {
    await using app = await appFolder({ ...tasks, 'really.yaml': 'log: { level: error }\n' });
    await using server = await ServerProcess.start({ dir: app.dir });
    await server.stop();
    const lines = linesOf(server.output.stdout).map((line) => JSON.parse(line) as { msg: string });
    expect(lines.filter(({ msg }) => msg === 'ready')).toMatchObject([{ url: server.url }]);
    expect(server.output.stdout.split(server.url)).toHaveLength(2);
    expect(server.output.stderr).toBe('');
  });

  test('[ACC2] dev allows everything in a model without access; start refuses it and names the model in a warning', async () => {
    await using app = await appFolder(noAccess);
    const create = { cmd: 'create', r: '/tasks', body: { title: 'a' } };
    await using dev = await ServerProcess.start({ dir: app.dir, command: 'dev' });
    using asDeveloper = await Client.connect(dev.socketUrl);
    expect((await asDeveloper.request(create)).error).toBeUndefined();
    await dev.stop();
    await using production = await ServerProcess.start({ dir: app.dir });
    using client = await Client.connect(production.socketUrl);
    expect((await client.request(create)).error?.code).toBe(403);
    const warnings = linesOf(production.output.stdout).filter((line) => line.includes('"warn"'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('tasks');
  });
});

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '[CLI2] %s stops it cleanly, with 1001 for whoever is connected',
    async (signal) => {
      await using app = await appFolder(tasks);
      await using server = await ServerProcess.start({ dir: app.dir });
      using client = await Client.connect(server.socketUrl);
      const begun = performance.now();
      const [code, closed] = await Promise.all([server.stop(signal), client.closed]);
      expect(code).toBe(0);
      expect(closed.code).toBe(1001);
      expect(performance.now() - begun).toBeLessThan(10_000 + server.startedIn);
    },
  );

  test('[CLI2] it stops within 10 s even if a client never answers the close frame', async () => {
    await using app = await appFolder(tasks);
    await using server = await ServerProcess.start({ dir: app.dir });
    using client = await Client.connect(server.socketUrl);
    client.socket.pause();
    const begun = performance.now();
    expect(await server.stop()).toBe(0);
    // What starts slowly stops slowly: the machine is busy.
    expect(performance.now() - begun).toBeLessThan(10_000 + server.startedIn);
  });

  test('[CLI2] a second SIGINT ends it at once', async () => {
    await using app = await appFolder(tasks);
    await using server = await ServerProcess.start({ dir: app.dir });
    using client = await Client.connect(server.socketUrl);
    client.socket.pause();
    const stopped = server.stop('SIGINT');
    await expect.poll(() => server.output.stdout).toContain('"stopping"');
    process.kill(server.pid, 'SIGINT');
    // Without a second signal it waits for a client that does not answer the close frame, and ends with 0, or says that it took too long.
    expect(await stopped).toBe(1);
    expect(server.output.stderr).toBe('');
  });

  test('[CLI2] acknowledged writes are there after the next start', async () => {
    await using app = await appFolder(tasks);
    await using first = await ServerProcess.start({ dir: app.dir });
    using writer = await Client.connect(first.socketUrl);
    await writer.request({ cmd: 'create', r: '/tasks/1', body: { title: 'kept' } });
    await first.stop();
    await using second = await ServerProcess.start({ dir: app.dir });
    using reader = await Client.connect(second.socketUrl);
    const { body } = await reader.request({ cmd: 'get', r: '/tasks/1' });
    expect(body.title).toBe('kept');
  });
});

/** `code`: 2 where starting again ends the same, 1 where it may help. */
async function refused(
  dir: string,
  code: 1 | 2,
  args: readonly string[],
  env: Record<string, string> = { REALLY_SECRET: testSecret },
): Promise<string> {
  const run = await runProgram(['start', '--port', '0', ...args], { dir, env });
  expect({ code: run.code, lines: linesOf(run.stderr).length }).toEqual({ code, lines: 1 });
  expect(run.stdout).not.toContain('unhandled rejection');
  return run.stderr;
}

describe('start errors are printed in one line', () => {
  test('[CFG6] [CLI5] start needs a secret: none, a short one, and one made for development are refused', async () => {
    await using app = await appFolder(tasks);
    expect(await refused(app.dir, 2, [], {})).toContain('there is no secret');
    expect(await refused(app.dir, 2, [], { REALLY_SECRET: 'x'.repeat(31) })).toContain('too short');
    expect(await refused(app.dir, 2, ['--secret', 'short'], {})).toContain('too short');
    await runProgram(['token', '--uid', 'a'], app);
    const [file = ''] = (await readdir(join(app.dir, 'data'))).filter((n) => n.includes('secret'));
    const developed = (await readFile(join(app.dir, 'data', file), 'utf8')).trim();
    const reported = await refused(app.dir, 2, [], { REALLY_SECRET: developed });
    expect(reported).toContain('is for development alone');
    expect(reported).not.toContain(developed);
  });

  test('[CLI5] a port in use may be free later', async () => {
    await using app = await appFolder(tasks);
    const taken = await freePort();
    try {
      const args = ['--host', '127.0.0.1', '--port', String(taken.port)];
      const reported = await refused(app.dir, 1, args);
      expect(reported).toContain(String(taken.port));
      expect(reported).toContain('another program uses that port');
    } finally {
      taken.close();
    }
  });

  test('[CLI5] a data folder that cannot be made', async () => {
    await using app = await appFolder({ ...tasks, 'in-the-way': '' });
    expect(await refused(app.dir, 2, ['--data', 'in-the-way'])).toContain('in-the-way');
  });

  test('[CLI5] a data folder that another server works in may be free later', async () => {
    await using app = await appFolder(tasks);
    await using _server = await ServerProcess.start({ dir: app.dir });
    expect(await refused(app.dir, 1, [])).toContain('in use by another process');
  });

  test('[CLI5] --verbose adds the stack', async () => {
    await using app = await appFolder({ ...tasks, 'in-the-way': '' });
    const args = ['start', '--data', 'in-the-way', '--verbose'];
    const env = { REALLY_SECRET: testSecret };
    const { code, stderr } = await runProgram(args, { dir: app.dir, env });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ {4}at /m);
  });

  test('[LOD3] [CLI5] broken models stop the start, with all that is wrong', async () => {
    await using app = await appFolder({
      'models/a/model.yaml': 'version: x\nfields: {}\n',
      'models/b/model.yaml': 'version: 1\nfields: { n: { type: Number } }\n',
    });
    const { code, stdout, stderr } = await runProgram(['dev', '--port', '0'], app);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    const lines = linesOf(stderr).filter((line) => line.startsWith('really: '));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/models\/a\/model\.yaml:1:\d+: /);
    expect(lines[1]).toMatch(/models\/b\/model\.yaml:2:\d+: /);
  });
});

test('[CLI6] neither tokens nor secrets are in any log, however much is logged', async () => {
  await using app = await appFolder({ ...tasks, 'really.yaml': 'log: { level: debug }\n' });
  await using server = await ServerProcess.start({ dir: app.dir });
  const token = await anonymousToken(server.socketUrl);
  using client = await Client.connect(server.socketUrl, token);
  await client.request({ cmd: 'initialize', accessToken: `${token}x` });
  await client.request({ cmd: 'create', r: '/tasks', traceId: 'seen-1', body: { title: 'a' } });
  await fetch(`${server.url}/metrics?access_token=${token}`, {
    headers: { authorization: `Bearer ${token}`, 'x-really-secret': testSecret },
  });
  await fetch(`${server.url}/nothing?access_token=${token}`);
  await server.stop();
  const { stdout, stderr } = server.output;
  const logged = stdout + stderr;
  expect(logged).toContain('ready');
  const [, payload = '', signature = ''] = token.split('.');
  for (const part of [payload, signature, testSecret]) expect(logged).not.toContain(part);
});
