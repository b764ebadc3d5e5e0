import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { root } from '../conventions/sources.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { browserProgram, openBrowser, picture } from './chromium.js';

const example = join(root, 'examples/dashboard');
const inChromium = test.skipIf(browserProgram === undefined);
const token = signToken({ uid: 'simulator' }, testSecret);

type Simulate = (options: {
  url: string;
  token: string;
  rate: number;
}) => Promise<() => Promise<void>>;

interface DashboardApp extends AsyncDisposable {
  readonly dir: string;
  readonly simulate: Simulate;
}

/** The example as somebody would copy it. */
async function copyOfDashboard(): Promise<DashboardApp> {
  await promisify(execFile)(process.execPath, [join(example, 'build.js')]);
  const built: { simulate: Simulate } = await import(
    pathToFileURL(join(example, 'dist/simulate.js')).href
  );
  const dir = await mkdtemp(join(tmpdir(), 'really-dashboard-'));
  for (const part of ['models', 'public', 'really.yaml']) {
    await cp(join(example, part), join(dir, part), { recursive: true });
  }
  return {
    dir,
    simulate: built.simulate,
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

/** What each tile shows, in the order of the tiles: `berlin-000 43`. */
const tiles = (page: Page) => page.locator('#grid li').allTextContents();
const textOf = (page: Page, id: string) => page.locator(`#${id}`).textContent();
const isLive = (page: Page) => page.locator('#state[data-state="connected"]').waitFor();
/** The lines of the chart of loads, as SVG has them. */
const lines = async (page: Page): Promise<string[]> => {
  const paths = await page.locator('#load-chart path[data-line]').all();
  return await Promise.all(paths.map(async (path) => (await path.getAttribute('d')) ?? ''));
};
/** Of a line: how many points each of its pieces has. */
const pieces = (line: string) =>
  line
    .split('M')
    .slice(1)
    .map((piece) => piece.split('L').length);

/** What the server has, as the tiles show it. */
async function stored(server: ServerProcess): Promise<string[]> {
  using client = await Client.connect(server.socketUrl, token);
  const cmdOpts = { sort: 'name', limit: 1000 };
  const { items } = (await client.request({ cmd: 'read', r: '/machines', cmdOpts })).body;
  return items.map(({ body }: { body: { name: string; load: number } }) => {
    return `${body.name} ${Math.round(body.load)}`;
  });
}

inChromium(
  'the dashboard in Chromium: two pages follow 1,000 machines, say their lag, and show the same in the end',
  async () => {
    await using app = await copyOfDashboard();
    await using server = await ServerProcess.start({ dir: app.dir, command: 'dev' });
    const stop = await app.simulate({ url: server.url, token, rate: 100 });
    await using lightBrowser = await openBrowser();
    await using darkBrowser = await openBrowser({ colorScheme: 'dark' });
    const one = await lightBrowser.open(server.url);
    const two = await darkBrowser.open(server.url);
    for (const page of [one, two]) {
      await isLive(page);
      await expect.poll(() => textOf(page, 'count')).toBe('1000 of 1000');
      await expect.poll(() => textOf(page, 'median')).toMatch(/^-?\d+ ms$/);
      await expect.poll(() => textOf(page, 'worst')).toMatch(/^-?\d+ ms$/);
      await expect.poll(() => textOf(page, 'within')).toMatch(/^± \d+ ms$/);
    }
    // Loads change, and so do their means.
    const heights = async () =>
      (await lines(one)).map((line) => new Set(line.match(/ [\d.]+/g)).size);
    await expect.poll(async () => (await heights()).filter((count) => count >= 5).length).toBe(5);
    await picture(one, 'dashboard-light');
    await picture(two, 'dashboard-dark');

    // Only what is asked for comes, in the order that is asked for.
    await two.locator('[name=site]').selectOption('lima');
    await two.locator('[name=load]').selectOption('50');
    await two.locator('[name=sort]').selectOption('-load');
    await expect.poll(() => textOf(two, 'count')).toMatch(/^(?!1000)\d+ of 1000$/);
    await picture(two, 'dashboard-filtered');

    await stop();
    const machines = await stored(server);
    await expect.poll(() => tiles(one)).toEqual(machines);
    const loadOf = (tile: string) => Number(tile.split(' ')[1]);
    const shown = machines.filter((tile) => tile.startsWith('lima-') && loadOf(tile) >= 51);
    await expect
      .poll(async () => (await tiles(two)).filter((tile) => loadOf(tile) >= 51).sort())
      .toEqual(shown.sort());
    // The grid is put in order twice a second.
    const isInOrder = async () => {
      const loads = (await tiles(two)).map(loadOf);
      return loads.join() === loads.toSorted((a, b) => b - a).join();
    };
    await expect.poll(isInOrder).toBe(true);
    await one.setViewportSize({ width: 390, height: 780 });
    await picture(one, 'dashboard-narrow');
    const overflow = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
    expect(await one.evaluate(overflow)).toBe(false);
    expect([...lightBrowser.troubles, ...darkBrowser.troubles]).toEqual([]);
  },
);

inChromium(
  'the dashboard in Chromium: after kill -9 and a new start both pages go on, and nothing is missing',
  async () => {
    await using app = await copyOfDashboard();
    await using first = await ServerProcess.start({ dir: app.dir, command: 'dev' });
    const { port } = new URL(first.url);
    const stop = await app.simulate({ url: first.url, token, rate: 100 });
    await using person = await openBrowser();
    await using other = await openBrowser();
    const pages = [await person.open(first.url), await other.open(first.url)];
    for (const page of pages) {
      await isLive(page);
      await expect.poll(() => textOf(page, 'count')).toBe('1000 of 1000');
    }
    await first.kill();
    for (const page of pages) {
      await page.locator('#state:not([data-state="connected"])').waitFor();
      expect((await tiles(page)).length).toBe(1000);
      // The chart says since when it does not know.
      await expect.poll(() => page.locator('#load-chart .gap').getAttribute('d')).toContain('M');
    }
    const [page] = pages as [Page];
    await picture(page, 'dashboard-offline');
    const before = (await lines(page)).map(pieces);

    await using second = await ServerProcess.start({
      dir: app.dir,
      command: 'dev',
      args: ['--port', port],
    });
    for (const page of pages) await isLive(page);
    await expect.poll(() => textOf(page, 'rate')).not.toBe('0');
    await stop();
    const machines = await stored(second);
    for (const page of pages) await expect.poll(() => tiles(page)).toEqual(machines);
    const now = async () => (await lines(page)).map(pieces);
    await expect
      .poll(async () => (await now()).map(({ length }) => length))
      .toEqual(Array(5).fill(1));
    const after = await now();
    // It shows 120 at most: where the machine is busy there may have been as many before.
    for (const [n, [points]] of after.entries())
      expect(points).toBeGreaterThan(Math.min(119, before[n]?.[0] ?? 0));
    expect([...person.troubles, ...other.troubles]).toEqual([]);
  },
);

async function bundled(source: string, format: 'es' | 'iife'): Promise<string> {
  const bundle = await rolldown({ input: join(example, 'src', source) });
  const { output } = await bundle.generate({ format, name: 'bundled' });
  await bundle.close();
  return output[0].code;
}

test('the dashboard keeps the measurements of the last seconds, and of very many the newest', async () => {
  const code = await bundled('recent.ts', 'es');
  const { Recent } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const recent = new Recent(10_000, 1_000);
  for (let n = 0; n < 100_000; n++) {
    recent.add(n, n / 100);
    expect(recent.size).toBeLessThanOrEqual(2_000);
  }
  expect(recent.quantile(0.5, 1_000)).toBe(99_499);
  expect(recent.quantile(0.99, 1_000)).toBe(99_989);
  expect(recent.quantile(1, 1_000)).toBe(99_999);
  expect(recent.quantile(0.5, 20_000)).toBe(undefined);
  expect(recent.size).toBe(0);
});

inChromium('the charts of the dashboard keep as many samples as they show', async () => {
  const code = await bundled('chart.ts', 'iife');
  await using person = await openBrowser();
  const page = await person.open('about:blank');
  const line = await page.evaluate(`${code};
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const chart = new bundled.Chart(svg, { points: 10 });
    for (let n = 0; n <= 100; n++) chart.add({ a: n === 95 ? undefined : n }, false);
    svg.querySelector('[data-line=a]').getAttribute('d')`);
  expect(line).toBe('M0 9.0L1 8.0L2 7.0L3 6.0M5 4.0L6 3.0L7 2.0L8 1.0L9 0.0');
});
