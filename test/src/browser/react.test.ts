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
import { browserProgram, openBrowser, type Person } from './chromium.js';

const inChromium = test.skipIf(browserProgram === undefined);

const fixture = fileURLToPath(
  new URL('../../../packages/client/dist/react/page.fixture.js', import.meta.url),
);

const files = {
  'models/tasks/model.yaml': `version: 1
fields:
  votes: { type: Long, default: 0, validation: value < 1000000 }
`,
  'models/clubs/model.yaml': `version: 1
fields: { name: { type: String } }
lookups: { own: '/clubs/{ids.clubs}/members/{auth.uid}' }
access: { create: true, read: own != null }
`,
  'models/clubs/members/model.yaml': 'version: 1\nfields: { name: { type: String } }\n',
  'models/clubs/posts/model.yaml': `version: 1
fields: { name: { type: String } }
lookups: { own: '/clubs/{ids.clubs}/members/{auth.uid}' }
access: { read: own != null }
`,
  'really.yaml': 'rate: { commands: 0, address: 0 }\n',
  'public/index.html':
    '<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script src="page.js"></script>',
};

/** What `page.fixture.ts` puts on the window. */
interface PageFunctions {
  show(name: string, view: object, linger: number): void;
  unmount(): void;
  connect(): Promise<void>;
  open(r: string): void;
  create(votes: number): Promise<string>;
  sent(): string[];
  first(): string[];
  torn(): string[];
  countRenders(): number;
  history(): string[];
  createShown(votes: number): void;
  offline(): void;
}

/** A page with React in development mode, where StrictMode does everything twice, and its server. */
class ReactPage implements AsyncDisposable {
  readonly #app: AppFolder;
  readonly server: ServerProcess;
  readonly #browser: Person;
  readonly page: Page;

  constructor(app: AppFolder, server: ServerProcess, browser: Person, page: Page) {
    this.#app = app;
    this.server = server;
    this.#browser = browser;
    this.page = page;
  }

  static async open(): Promise<ReactPage> {
    const app = await appFolder(files);
    await mkdir(join(app.dir, 'public'), { recursive: true });
    const bundle = await rolldown({
      input: fixture,
      platform: 'browser',
      // Libraries mark what is for the browser alone, which a bundle need not know.
      logLevel: 'silent',
      transform: { define: { 'process.env.NODE_ENV': '"development"' } },
    });
    await bundle.write({ file: join(app.dir, 'public/page.js'), format: 'iife' });
    await bundle.close();
    const server = await ServerProcess.start({ dir: app.dir, command: 'dev' });
    const browser = await openBrowser();
    const opened = new ReactPage(app, server, browser, await browser.open(server.url));
    await opened.page.waitForFunction('"page" in window');
    return opened;
  }

  /** Calls a function of the page. */
  async call<Name extends keyof PageFunctions>(
    name: Name,
    ...args: Parameters<PageFunctions[Name]>
  ): Promise<Awaited<ReturnType<PageFunctions[Name]>>> {
    return (await this.page.evaluate(`window.page.${name}(...${JSON.stringify(args)})`)) as Awaited<
      ReturnType<PageFunctions[Name]>
    >;
  }

  /** The texts of these elements. */
  texts(selector: string): Promise<string[]> {
    return this.page.locator(selector).allTextContents();
  }

  /** `data-state` of the first of these elements. */
  async state(selector: string): Promise<string | null> {
    return await this.page.locator(selector).first().getAttribute('data-state');
  }

  /** Subscriptions that the server has. */
  async subscriptions(): Promise<number> {
    const text = await (await fetch(`${this.server.url}/metrics`)).text();
    return Number(/^really_subscriptions(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1]);
  }

  /** Another user. */
  other(): Promise<Client> {
    return Client.connect(this.server.socketUrl, signToken({ uid: 'other' }, testSecret));
  }

  get troubles(): readonly string[] {
    return this.#browser.troubles;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser[Symbol.asyncDispose]();
    await this.server.kill();
    await this.#app[Symbol.asyncDispose]();
  }
}

const vote = (r: string, rev: number) => ({
  ...{ cmd: 'update', r, rev },
  body: { ops: [{ op: 'addNumber', key: 'votes', value: 1 }] },
});

/** Longer than any test. */
const longLinger = 600_000;

inChromium(
  '[RCT1] many components under StrictMode have one subscription each to what they show, and none afterwards',
  async () => {
    await using react = await ReactPage.open();
    await react.call('connect');
    const r = await react.call('create', 3);
    await react.call('sent');
    await react.call('show', 'many', { r, count: 60 }, 200);
    await expect.poll(() => react.texts('.one, .listed')).toEqual(Array(120).fill('3'));
    expect(await react.subscriptions()).toBe(2);
    expect((await react.call('sent')).sort()).toEqual(['read', 'subscribe']);
    await react.call('unmount');
    await expect.poll(() => react.subscriptions()).toBe(0);
    expect(await react.call('sent')).toEqual(['unsubscribe', 'unsubscribe']);
    expect(react.troubles).toEqual([]);
  },
);

inChromium(
  '[RCT1] who comes back in time finds the copy as it is now, with nothing asked again',
  async () => {
    await using react = await ReactPage.open();
    await react.call('connect');
    const r = await react.call('create', 3);
    await react.call('show', 'one', { r }, longLinger);
    await expect.poll(() => react.texts('.one')).toEqual(['3']);
    await react.call('unmount');
    using other = await react.other();
    await other.request(vote(r, 1));
    await react.call('sent');
    await react.call('first');
    // The push has come once this is answered: the connection is the same.
    await react.call('create', 0);
    await react.call('show', 'one', { r }, 100);
    await expect.poll(() => react.texts('.one')).toEqual(['4']);
    expect(new Set(await react.call('first'))).toEqual(new Set(['live']));
    expect(await react.call('sent')).toEqual(['create']);
    await react.call('unmount');
    await expect.poll(() => react.subscriptions()).toBe(0);
  },
);

inChromium(
  '[RCT3] a storm of pushes: all components show the same at each moment, also those of a transition',
  async () => {
    await using react = await ReactPage.open();
    await react.call('connect');
    const r = await react.call('create', 0);
    await react.call('show', 'many', { r, count: 40 }, 200);
    await expect.poll(() => react.texts('.one, .listed')).toEqual(Array(80).fill('0'));
    using other = await react.other();
    const updates = 200;
    const storm = (async () => {
      for (let n = 0; n < updates; n++) await other.request(vote(r, 1));
    })();
    await react.call('open', r);
    await storm;
    await expect.poll(() => react.texts('.one, .listed')).toEqual(Array(120).fill(`${updates}`));
    expect(await react.call('torn')).toEqual([]);
    await react.call('unmount');
    await expect.poll(() => react.subscriptions()).toBe(0);
    expect(react.troubles).toEqual([]);
  },
);

inChromium(
  '[RCT2] null is disabled, a wrong address fails, keepPrevious keeps: no hook throws',
  async () => {
    await using react = await ReactPage.open();
    await react.call('connect');
    const a = await react.call('create', 1);
    await react.call('show', 'one', { r: null }, 50);
    await expect.poll(() => react.state('.one')).toBe('disabled');
    expect(await react.subscriptions()).toBe(0);
    await react.call('show', 'one', { r: 'nonsense' }, 50);
    await expect.poll(() => react.state('.one')).toBe('failed stale r.invalid');
    await react.call('show', 'one', { r: '/tasks/none' }, 50);
    await expect.poll(() => react.state('.one')).toBe('failed stale object.missing');
    await react.call('show', 'one', { r: '/nothing/1' }, 50);
    await expect.poll(() => react.state('.one')).toBe('failed stale model.unknown');
    const shownWhileLoading = async (keepPrevious: boolean) => {
      const b = await react.call('create', 2);
      await react.call('show', 'one', { r: a, keepPrevious }, 50);
      await expect.poll(() => react.state('.one')).toBe('live');
      // In one turn of the page: nothing can have arrived in between.
      const html = await react.page.evaluate(`(async () => {
      window.page.show('one', ${JSON.stringify({ r: b, keepPrevious })}, 50);
      const one = document.querySelector('.one');
      const seen = [];
      new MutationObserver(() => seen.push(one.dataset.state + ' ' + one.textContent))
        .observe(one, { attributes: true, characterData: true, subtree: true });
      while (!seen.includes('live 2')) await new Promise((resolve) => setTimeout(resolve, 5));
      return seen;
    })()`);
      return html as string[];
    };
    expect((await shownWhileLoading(false))[0]).toBe('loading stale -');
    expect((await shownWhileLoading(true))[0]).toBe('loading stale 1');
    expect(react.troubles).toEqual([]);
  },
);

inChromium(
  '[RCT7] what is created is in each list once, from the write on, also where lists guess',
  async () => {
    await using react = await ReactPage.open();
    await react.call('connect');
    for (const [count, isGuessing] of [
      [77, false],
      [78, true],
    ] as const) {
      await react.call('show', 'created', { count, isGuessing }, 50);
      await expect.poll(() => react.subscriptions()).toBe(2);
      await react.call('history');
      await react.call('createShown', count);
      await expect.poll(() => react.texts('.history')).toEqual(['1', '1']);
      const shown = [...new Set(await react.call('history'))];
      expect(shown[0]).toBe('0|0');
      expect(shown.filter((texts) => !/^[01]\|[01]$/.test(texts))).toEqual([]);
      await react.call('unmount');
      await expect.poll(() => react.subscriptions()).toBe(0);
    }
    expect(react.troubles).toEqual([]);
  },
);

inChromium(
  '[TSC17] what only members see, shown while the membership is created, does not fail',
  async () => {
    await using react = await ReactPage.open();
    await react.call('connect');
    // The client knows who it is.
    await react.call('create', 0);
    await react.call('show', 'club', {}, 50);
    await expect.poll(() => react.texts('.history')).toEqual(['live live joined']);
    const shown = await react.call('history');
    expect(shown.filter((statuses) => statuses.includes('failed'))).toEqual([]);
    expect(react.troubles).toEqual([]);
  },
);

inChromium(
  '[RCT4] suspense: a fallback until there is something, however long that takes, and nothing left of who never mounts',
  async () => {
    await using react = await ReactPage.open();
    using other = await react.other();
    const { body } = await other.request({ cmd: 'create', r: '/tasks', body: { votes: 5 } });
    const r = String(body._r);
    // Not signed in yet: it waits for many times as long as a copy lingers.
    await react.call('show', 'suspense', { r }, 20);
    await react.page.locator('.fallback').waitFor();
    await react.page.evaluate('new Promise((resolve) => setTimeout(resolve, 400))');
    await react.call('connect');
    await expect.poll(() => react.texts('.suspended')).toEqual(['5 of 1']);
    expect(await react.subscriptions()).toBe(2);
    await other.request(vote(r, 1));
    await expect.poll(() => react.texts('.suspended')).toEqual(['6 of 1']);
    await react.call('unmount');
    await expect.poll(() => react.subscriptions()).toBe(0);
    // Gone before it was loaded.
    await react.page.evaluate(`window.page.show('suspense', { r: '${r}' }, 20);
    setTimeout(() => window.page.unmount(), 0)`);
    await expect.poll(() => react.subscriptions()).toBe(0);
    await react.call('show', 'suspense', { r: '/tasks/none' }, 20);
    await expect.poll(() => react.state('.suspended')).toBe('failed');
    expect(react.troubles).toEqual([]);
  },
);

inChromium(
  '[RCT5] useWrite and useConnection: what waits, what is refused, and what is committed',
  async () => {
    await using react = await ReactPage.open();
    await react.call('connect');
    const r = await react.call('create', 0);
    await react.call('show', 'form', { r }, 50);
    await expect.poll(() => react.texts('.one')).toEqual(['0']);
    await expect
      .poll(() => react.texts('#write, #connection'))
      .toEqual(['idle', 'connected false']);
    await react.page.locator('#vote').click();
    await expect.poll(() => react.texts('#write')).toEqual(['committed']);
    await expect.poll(() => react.texts('.one')).toEqual(['1']);
    await react.page.locator('#spoil').click();
    await expect.poll(() => react.texts('#write')).toEqual(['refused validation.failed']);
    await expect.poll(() => react.texts('.one')).toEqual(['1']);
    await react.server.kill();
    await expect
      .poll(() => react.texts('#connection'))
      .toEqual([expect.not.stringMatching(/^connected/)]);
    await react.page.locator('#vote').click();
    await expect.poll(() => react.texts('#write')).toEqual(['queued pending stale']);
    await expect.poll(() => react.state('.one')).toBe('live stale pending');
    await expect.poll(() => react.texts('.one')).toEqual(['2']);
    await expect.poll(() => react.texts('#connection')).toEqual([expect.stringMatching(/ true$/)]);
    expect(react.troubles).toEqual([]);
  },
);

inChromium(
  '[RCT6] rooms: in one while the component is there, and rendered again for what was selected alone',
  async () => {
    await using react = await ReactPage.open();
    await react.call('connect');
    const r = await react.call('create', 0);
    using other = await react.other();
    const join = await other.request({ cmd: 'join', r, body: { state: { typing: false } } });
    expect(join.body.count).toBe(1);
    await react.call('sent');
    await react.call('show', 'room', { r }, 50);
    await expect.poll(() => react.texts('#type')).toEqual(['me false 2 false']);
    await expect.poll(() => react.texts('#count, #names')).toEqual(['1', 'other']);
    expect((await react.call('sent')).filter((cmd) => cmd === 'join')).toEqual(['join']);
    const renders = await react.call('countRenders');
    await other.request({ cmd: 'present', r, body: { typing: true } });
    await expect.poll(() => react.texts('#type')).toEqual(['me false 2 true']);
    expect(await react.call('countRenders')).toBe(renders);
    await react.page.locator('#type').click();
    await expect.poll(() => react.texts('#type')).toEqual(['me true 2 true']);
    using watcher = await react.other();
    const watch = { cmd: 'join', r, body: {} };
    const statesSeen = async () => {
      const { body } = await watcher.request(watch);
      return (body.members as { state: object }[]).map(({ state }) => state);
    };
    await expect.poll(statesSeen).toEqual([{ typing: true }, { typing: true }]);
    await other.request({ cmd: 'leave', r });
    await expect.poll(() => react.texts('#count, #names')).toEqual(['0', '']);
    await react.call('show', 'room', { r: null }, 50);
    await expect.poll(() => react.state('#type')).toBe('disabled');
    expect(await react.state('#count')).toBe('disabled');
    await expect.poll(statesSeen).toEqual([]);
    await react.call('show', 'room', { r: 'nonsense' }, 50);
    await expect.poll(() => react.state('#type')).toBe('failed');
    await react.call('show', 'room', { r: '/tasks/none' }, 50);
    await expect.poll(() => react.texts('#type')).toEqual(['me undefined 0 object.missing']);
    await react.call('unmount');
    expect(react.troubles).toEqual([]);
  },
);

inChromium(
  '[TSQ1] [TSQ2] useQuery of TanStack Query shows pushes, and leaves no subscription',
  async () => {
    await using react = await ReactPage.open();
    await react.call('connect');
    const r = await react.call('create', 1);
    await react.call('show', 'query', { r }, 50);
    await expect.poll(() => react.texts('.queried')).toEqual(['1 of 1']);
    using other = await react.other();
    await other.request(vote(r, 1));
    await other.request({ cmd: 'create', r: '/tasks', body: {} });
    await expect.poll(() => react.texts('.queried')).toEqual(['2 of 2']);
    expect(await react.subscriptions()).toBe(2);
    expect((await react.call('sent')).sort()).toEqual([
      'create',
      'initialize',
      'read',
      'subscribe',
    ]);
    await react.call('unmount');
    await expect.poll(() => react.subscriptions()).toBe(0);
    expect(react.troubles).toEqual([]);
  },
);
