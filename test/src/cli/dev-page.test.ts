import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess } from '../harness/server-process.js';
import { tasks } from './models.js';

test('[CLI12] really dev without a public folder has a page at /, whose link and token work', async () => {
  await using app = await appFolder(tasks);
  await using server = await ServerProcess.start({ dir: app.dir, command: 'dev' });
  const answer = await fetch(`${server.url}/`, { headers: { Origin: 'http://localhost:3000' } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  const html = await answer.text();
  const link = /href="(\/v0\.1\/tasks\?[^"]+)"/.exec(html)?.[1] ?? '';
  const read = await fetch(server.url + link);
  expect(await read.json()).toMatchObject({ body: { items: [] } });
  const token = /<pre id="token">([^<]+)</.exec(html)?.[1] ?? '';
  using client = await Client.connect(server.socketUrl, token);
  const made = await client.request({ cmd: 'create', r: '/tasks', body: { title: 'x' } });
  expect(made.error).toBeUndefined();
  const page = await fetch(`${server.url}/_docs/protocol.md`);
  expect(await page.text()).toContain('[SUB1]');
  expect((await fetch(`${server.url}/openapi.json`)).status).toBe(200);
});

test('[CLI12] there is no page in production, and a public folder replaces it', async () => {
  await using app = await appFolder(tasks);
  {
    await using server = await ServerProcess.start({ dir: app.dir });
    const answer = await fetch(`${server.url}/`);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toContain('application/json');
  }
  await app.write({ 'public/index.html': '<p>mine</p>' });
  await using server = await ServerProcess.start({ dir: app.dir, command: 'dev' });
  expect(await (await fetch(`${server.url}/`)).text()).toBe('<p>mine</p>');
});

test('[HOK8] in development a hook that throws is logged with file, line and message; --verbose adds the stack', async () => {
  await using app = await appFolder({
    ...tasks,
    'models/tasks/on-validate.js': '// checks\nif (input.title === nothing) cancel(409, "no");\n',
  });
  const stderrWith = async (...args: string[]): Promise<string> => {
    await using server = await ServerProcess.start({
      dir: app.dir,
      command: 'dev',
      args,
    });
    const html = await (await fetch(`${server.url}/`)).text();
    using client = await Client.connect(
      server.socketUrl,
      /<pre id="token">([^<]+)</.exec(html)?.[1] ?? '',
    );
    const refused = await client.request({ cmd: 'create', r: '/tasks', body: { title: 'x' } });
    expect(refused.error?.code).toBe(500);
    await expect.poll(() => server.output.stderr).toContain(refused.error?.id);
    return server.output.stderr;
  };
  const reported =
    /a command failed [\s\S]*err: "\S*on-validate\.js, line 2: ReferenceError: 'nothing' is not defined"/;
  const short = await stderrWith();
  expect(short).toMatch(reported);
  expect(short).not.toMatch(/^\s+at /m);
  const long = await stderrWith('--verbose');
  expect(long).toContain("on-validate.js, line 2: ReferenceError: 'nothing' is not defined");
  expect(long).toMatch(/^\s+at /m);
});
