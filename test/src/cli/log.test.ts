import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

const models = {
  'models/notes/model.yaml': `version: 1
fields: { text: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/notes/on-validate.js':
    'print(input.text);\nif (input.text.startsWith("fail")) throw new Error(input.text);\n',
};

async function started(command: 'dev' | 'start', args: readonly string[] = []) {
  const folder = await appFolder(models);
  const env = { REALLY_SECRET: testSecret, REALLY_RATE_COMMANDS: '0' };
  const server = await ServerProcess.start({ dir: folder.dir, command, env, args });
  const client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }));
  const create = (text: string) => client.request({ cmd: 'create', r: '/notes', body: { text } });
  return { folder, server, client, create };
}

test.each([[[]], [['--verbose']]])(
  '[LIM41] what a client sends forges no line of the log of dev, with %j',
  async (args) => {
    const { folder, server, client, create } = await started('dev', args);
    const forged = '[12:00:00.000] ERROR: all is lost';
    await create(`a\n${forged}\u001b[31m\u2028b`);
    await create(`fail\n${forged}\u001b[31m`);
    await expect.poll(() => server.output.stderr).toContain('on-validate.js');
    await server.stop();

    const lines = server.output.stderr.split(/\r?\n|\u2028/);
    expect(lines.some((line) => line.includes('all is lost'))).toBe(true);
    expect(lines.filter((line) => line.startsWith(forged))).toEqual([]);
    expect(server.output.stderr).not.toContain('\u001b[31m');
    client.close();
    await folder[Symbol.asyncDispose]();
  },
);

test('[LIM41] a hook that fails again and again is logged a few times, and counted', async () => {
  const { folder, server, client, create } = await started('start');
  await Promise.all(Array.from({ length: 200 }, () => create('fail')));
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const omitted = Number(/^really_log_lines_omitted_total (\d+)$/m.exec(text)?.[1]);
  await server.stop();
  const lines = server.output.stdout
    .split('\n')
    .filter((line) => line.includes('a command failed'));
  expect(lines.length).toBeGreaterThanOrEqual(20);
  expect(lines.length).toBeLessThan(200);
  expect(omitted).toBeGreaterThanOrEqual(200 - lines.length);
  client.close();
  await folder[Symbol.asyncDispose]();
});
