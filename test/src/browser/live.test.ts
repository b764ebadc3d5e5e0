import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { browserProgram, openBrowser } from './chromium.js';

const inChromium = test.skipIf(browserProgram === undefined);

const client = fileURLToPath(new URL('../../../packages/client/dist/mod.js', import.meta.url));

const script = `
import { Really } from '${client}';
const token = new URLSearchParams(location.search).get('token');
window.warnings = [];
const platform = { warn: (text) => window.warnings.push(text) };
const really = new Really(location.origin, { token, platform });
const live = really.live(really.object('/counts/1'));
window.shown = () => [live.status, live.value?.n];
window.state = () => really.connection.getSnapshot().state;
window.connect = () => really.connection.connect();
`;

/** An app with a page for which a bundler made a file of its own of what the page loads later. */
async function splitApp(): Promise<AppFolder> {
  const app = await appFolder({
    'models/counts/model.yaml':
      'version: 1\nfields: { n: { type: Long } }\naccess: { create: true, read: true }\n',
    'public/index.html':
      '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>',
    'page.js': script,
  });
  const dir = join(app.dir, 'public');
  await mkdir(dir, { recursive: true });
  const bundle = await rolldown({ input: join(app.dir, 'page.js'), platform: 'browser' });
  await bundle.write({ dir, format: 'es', chunkFileNames: 'part-[name].js' });
  await bundle.close();
  return app;
}

async function createCount({ socketUrl }: ServerProcess): Promise<void> {
  using raw = await Client.connect(socketUrl, signToken({ uid: 'raw' }, testSecret));
  await raw.request({ cmd: 'create', r: '/counts/1', body: { n: 7 } });
}

const call = <T>(page: Page, what: string) => page.evaluate<T>(`window.${what}()`);

inChromium(
  '[TSC18] a page whose part for live copies did not arrive gets it with the next session',
  async () => {
    await using app = await splitApp();
    const first = await ServerProcess.start({ dir: app.dir });
    await createCount(first);
    await using person = await openBrowser();
    let isCut = true;
    const asked: string[] = [];
    await person.context.route('**/part-live.js', async (route) => {
      asked.push(route.request().url());
      await (isCut ? route.abort() : route.continue());
    });
    const page = await person.open(`${first.url}/?token=${signToken({ uid: 'amal' }, testSecret)}`);
    await expect.poll(() => call(page, 'state')).toBe('connected');
    await expect.poll(() => page.evaluate('window.warnings.length')).toBe(1);
    expect(await page.evaluate('window.warnings[0]')).toMatch(
      /^really: live copies wait: .*part-live/,
    );
    expect(await call(page, 'shown')).toEqual(['loading', undefined]);
    expect(asked).not.toEqual([]);

    isCut = false;
    const { port } = new URL(first.url);
    await first.kill();
    await expect.poll(() => call(page, 'state')).not.toBe('connected');
    await using _second = await ServerProcess.start({ dir: app.dir, args: ['--port', port] });
    await expect
      .poll(async () => {
        await call(page, 'connect');
        return await call(page, 'shown');
      })
      .toEqual(['live', 7]);
    expect(person.troubles).toEqual([]);
  },
);
