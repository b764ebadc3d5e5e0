import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

const model = `version: 1
fields: { n: { type: Long } }
access: { create: true, read: true, update: true, delete: true }
`;

/** What a test does in a page: a client whose writes are kept. */
const script = `
import { Really } from './client.js';
import { offline } from './offline.js';
const { token, server } = Object.fromEntries(new URLSearchParams(location.search));
const really = new Really(server, { token, offline: offline({ app: 'test' }) });
window.count = async () => {
  const write = really.object('/counts/1').update((u) => u.addNumber('n', 1));
  await write.queued;
  window.last = write;
};
window.takeBack = async () => {
  const taken = new AbortController();
  const { signal } = taken;
  const write = really.object('/counts/1').update((u) => u.addNumber('n', 1), { signal });
  await write.queued;
  taken.abort();
  await write.catch(() => {});
  return write.state;
};
window.state = () => really.connection.getSnapshot().state;
window.pending = () => really.connection.getSnapshot().pendingWrites;
window.connect = () => really.connection.connect();
window.isReady = true;
`;

/** The client as a bundler gives it to a page. */
async function bundled(entry: string): Promise<string> {
  const path = `../../../packages/client/dist/${entry}`;
  const bundle = await rolldown({ input: fileURLToPath(new URL(path, import.meta.url)) });
  const { output } = await bundle.generate({ format: 'es', codeSplitting: false });
  await bundle.close();
  return output[0].code;
}

async function countingApp(): Promise<AppFolder> {
  return await appFolder({ 'models/counts/model.yaml': model });
}

/** The page by a server of its own, so that it can be loaded while the app's does not run. */
async function pageServer(): Promise<AsyncDisposable & { readonly url: string }> {
  const files = new Map([
    ['/', ['text/html', '<!doctype html><script type="module" src="page.js"></script>']],
    ['/page.js', ['text/javascript', script]],
    ['/client.js', ['text/javascript', await bundled('mod.js')]],
    ['/offline.js', ['text/javascript', await bundled('offline/mod.js')]],
  ]);
  const server = createServer(({ url = '/' }, response) => {
    const [type = 'text/plain', text = ''] = files.get(url.replace(/\?.*/, '')) ?? [];
    response.writeHead(200, { 'Content-Type': type }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const call = <T>(page: Page, what: string) => page.evaluate<T>(`window.${what}()`);
const stateOf = (page: Page) => expect.poll(() => call(page, 'state'));
const pendingOf = (page: Page) => expect.poll(() => call(page, 'pending'));
/** Without the pauses between attempts. */
const reconnected = (page: Page) =>
  expect
    .poll(async () => {
      await call(page, 'connect');
      return await call(page, 'state');
    })
    .toBe('connected');
const ready = (page: Page) => page.waitForFunction('window.isReady');
const addressOf = (pages: { url: string }, server: ServerProcess, uid: string) =>
  `${pages.url}/?token=${signToken({ uid }, testSecret)}&server=${server.url}`;

/** The updates that a page sends, as they are sent. */
function updatesOf(page: Page): string[] {
  const sent: string[] = [];
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => {
      if (String(payload).includes('"cmd":"update"')) sent.push(String(payload));
    });
  });
  return sent;
}

async function valueIn(server: ServerProcess): Promise<number | undefined> {
  using raw = await Client.connect(server.socketUrl, signToken({ uid: 'raw' }, testSecret));
  return (await raw.request({ cmd: 'get', r: '/counts/1' })).body.n;
}

async function createCount(server: ServerProcess): Promise<void> {
  using raw = await Client.connect(server.socketUrl, signToken({ uid: 'raw' }, testSecret));
  await raw.request({ cmd: 'create', r: '/counts/1', body: { n: 0 } });
}

inChromium(
  '[TSC8] two tabs without a server and a reload: every count is kept, one tab sends them, each counts once',
  async () => {
    await using app = await countingApp();
    await using pages = await pageServer();
    const first = await ServerProcess.start({ dir: app.dir });
    const { port } = new URL(first.url);
    await createCount(first);
    await using person = await openBrowser();
    const [one, two] = [
      await person.open(addressOf(pages, first, 'amal')),
      await person.open(addressOf(pages, first, 'amal')),
    ];
    for (const page of [one, two]) {
      await ready(page);
      await stateOf(page).toBe('connected');
    }
    await first.kill();
    for (const page of [one, two]) await stateOf(page).not.toBe('connected');
    await call(one, 'count');
    await call(one, 'count');
    await call(two, 'count');
    for (const page of [one, two]) await pendingOf(page).toBe(3);

    await one.reload();
    await ready(one);
    await pendingOf(one).toBe(3);

    const sent = [updatesOf(one), updatesOf(two)];
    await using second = await ServerProcess.start({ dir: app.dir, args: ['--port', port] });
    for (const page of [one, two]) await reconnected(page);
    for (const page of [one, two]) await pendingOf(page).toBe(0);
    expect(await valueIn(second)).toBe(3);
    await expect.poll(() => two.evaluate('window.last.state')).toBe('committed');
    // One tab sent all three.
    await expect.poll(() => sent.map(({ length }) => length).sort()).toEqual([0, 3]);

    // The tab that sends is closed: the other one goes on.
    const [closed, left] = sent[0]?.length === 3 ? [one, two] : [two, one];
    await closed.close();
    await call(left, 'count');
    await pendingOf(left).toBe(0);
    expect(await valueIn(second)).toBe(4);
  },
);

inChromium('[TSC8] another user never sends what is kept; its own user does', async () => {
  await using app = await countingApp();
  await using pages = await pageServer();
  const first = await ServerProcess.start({ dir: app.dir });
  const { port } = new URL(first.url);
  await createCount(first);
  await using person = await openBrowser();
  const amal = await person.open(addressOf(pages, first, 'amal'));
  await ready(amal);
  await stateOf(amal).toBe('connected');
  await first.kill();
  await stateOf(amal).not.toBe('connected');
  await call(amal, 'count');
  await amal.close();

  await using second = await ServerProcess.start({ dir: app.dir, args: ['--port', port] });
  const beno = await person.open(addressOf(pages, second, 'beno'));
  await ready(beno);
  await stateOf(beno).toBe('connected');
  await call(beno, 'count');
  await pendingOf(beno).toBe(0);
  expect(await valueIn(second)).toBe(1);
  const again = await person.open(addressOf(pages, second, 'amal'));
  await ready(again);
  await pendingOf(again).toBe(0);
  await expect.poll(() => valueIn(second)).toBe(2);
});

inChromium('[TSC8] [TSC1] what is taken back without a server is refused, and gone', async () => {
  await using app = await countingApp();
  await using pages = await pageServer();
  const first = await ServerProcess.start({ dir: app.dir });
  const { port } = new URL(first.url);
  await createCount(first);
  await using person = await openBrowser();
  const page = await person.open(addressOf(pages, first, 'amal'));
  await ready(page);
  await stateOf(page).toBe('connected');
  await first.kill();
  await stateOf(page).not.toBe('connected');
  expect(await call(page, 'takeBack')).toBe('refused');
  await call(page, 'count');
  await page.reload();
  await ready(page);
  await pendingOf(page).toBe(1);
  await using second = await ServerProcess.start({ dir: app.dir, args: ['--port', port] });
  await reconnected(page);
  await pendingOf(page).toBe(0);
  expect(await valueIn(second)).toBe(1);
});
