import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { FakeWorld } from './fake-world.fixture.js';
import type { Really } from './really.js';

/** KiB that the core may have, minified and compressed. It has 11.6; versions of zlib differ. */
const most = 12;
/** KiB of what the first live copy loads. */
const mostOfLive = 6.5;

interface Bundled {
  /** Of the entry, and of what it imports statically. */
  readonly code: readonly string[];
  readonly modules: readonly string[];
  /** What is loaded later. */
  readonly later: readonly string[];
}

async function bundled(entry: string): Promise<Bundled> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL(entry, import.meta.url)),
    platform: 'browser',
  });
  const { output } = await bundle.generate({ format: 'es', minify: true });
  await bundle.close();
  const chunks = output.filter((file) => file.type === 'chunk');
  const [first] = chunks;
  const names = new Set([first?.fileName]);
  // A set is walked through with what is added meanwhile.
  for (const name of names) {
    for (const next of chunks.find(({ fileName }) => fileName === name)?.imports ?? []) {
      names.add(next);
    }
  }
  const atOnce = chunks.filter(({ fileName }) => names.has(fileName));
  const later = chunks.filter(({ fileName }) => !names.has(fileName));
  return {
    code: atOnce.map(({ code }) => code),
    modules: atOnce.flatMap(({ moduleIds }) => moduleIds),
    later: later.map(({ code }) => code),
  };
}

/** KiB of files that are each compressed. */
function sizeOf(files: readonly string[]): number {
  const sizes = files.map((code) => gzipSync(code, { level: 9 }).length / 1024);
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('the core is small, and has no live copies, message schemas or query language in it', async () => {
  const { code, modules, later } = await bundled('./mod.js');
  const [kib, kibOfLive] = [sizeOf(code), sizeOf(later)];
  process.stdout.write(
    `@really/client: ${kib.toFixed(2)} KiB gzip, ${code.join('').length} bytes minified\n` +
      `what the first live copy loads: ${kibOfLive.toFixed(2)} KiB gzip\n`,
  );
  const others = /typebox|\/rql\/|\/messages\/|\/live\/|\/store\/|apply-in-client|\/sort\.js/;
  expect(modules.filter((path) => others.test(path))).toEqual([]);
  expect(kib).toBeLessThanOrEqual(most);
  expect(later.length).toBe(1);
  expect(kibOfLive).toBeLessThanOrEqual(mostOfLive);
});

test('what keeps writes on the device is small, and not in the core', async () => {
  const { code, modules } = await bundled('./offline/mod.js');
  const kib = sizeOf(code);
  process.stdout.write(`@really/client/offline: ${kib.toFixed(2)} KiB gzip\n`);
  expect(kib).toBeLessThanOrEqual(2.5);
  expect(modules.some((path) => path.includes('/protocol/'))).toBe(false);
  const core = await bundled('./mod.js');
  expect(core.modules.filter((path) => path.includes('/offline/'))).toEqual([]);
});

test('what evaluates filters is not in the core', async () => {
  const { code, modules } = await bundled('./rql/mod.js');
  const kib = sizeOf(code);
  const live = await bundled('./live/mod.js');
  const core = await bundled('./mod.js');
  const others = [...core.modules, ...live.modules];
  const own = modules.filter((path) => !others.includes(path));
  process.stdout.write(`@really/client/rql: ${kib.toFixed(2)} KiB gzip with what it shares\n`);
  // The feed that it is based on, and all that this needs, are in the part for live copies anyway.
  expect(modules.some((path) => path.endsWith('live/mod.js'))).toBe(true);
  expect(own.filter((path) => !/\/rql\/|\/protocol\//.test(path))).toEqual([]);
  expect(kib).toBeLessThanOrEqual(12.5);
});

test('rooms are small, and not in the core', async () => {
  const { code } = await bundled('./room/mod.js');
  const kib = sizeOf(code);
  process.stdout.write(`@really/client/room: ${kib.toFixed(2)} KiB gzip\n`);
  expect(kib).toBeLessThanOrEqual(2.5);
  const core = await bundled('./mod.js');
  const rooms = core.modules.filter((path) => path.includes('/room/'));
  expect(rooms.filter((path) => !path.endsWith('rooms-port.js'))).toEqual([]);
});

/** The files of a page or a worker, of which this is the code. */
async function bundledPage(code: string, format: 'es' | 'iife') {
  const bundle = await rolldown({
    input: 'page',
    platform: 'browser',
    // `use client` is for other bundlers.
    logLevel: 'silent',
    external: ['react'],
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === 'page' ? id : null),
        load: (id) => (id === 'page' ? code : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format });
  await bundle.close();
  return output;
}

test.each([
  ['react', 'useObject', true],
  ['react', 'useCollection', true],
  ['react', 'useConnection', false],
  ['query', 'reallyQueryOptions', true],
  ['rql', 'rql', true],
])(
  '[TSC18] a page that uses %s: %s has live copies from the beginning: %s',
  async (entry, name, isThere) => {
    const path = fileURLToPath(new URL(`./${entry}/mod.js`, import.meta.url));
    const [first] = await bundledPage(`import { ${name} } from '${path}'; used = ${name};`, 'es');
    const modules = first.moduleIds;
    expect(modules.some((path) => path.endsWith('/live/mod.js'))).toBe(isThere);
  },
);

test.each(['iife', 'es'] as const)(
  '[TSC18] with the entry a page is one file of format %s, which has live copies at once',
  async (format) => {
    const [core, live] = ['./mod.js', './live/mod.js'].map((path) => {
      return fileURLToPath(new URL(path, import.meta.url));
    });
    const page = `import '${live}'; import { Really } from '${core}'; begin(Really);`;
    const files = await bundledPage(page, format);
    expect(files.length).toBe(1);
    const [{ code }] = files;
    expect(code).not.toMatch(/\bimport\(/);
    const world = new FakeWorld();
    const begin = (Bundled: typeof Really) => {
      const client = new Bundled('ws://test', { token: 'token', platform: world.platform });
      client.live(client.object('/a/1'));
    };
    runInNewContext(code, { begin, URL, AbortController, queueMicrotask });
    await world.reconnect();
    expect(world.socket.all('subscribe').length).toBe(1);
  },
);

test('the file for pages without a bundler is small, and imports nothing', () => {
  const code = readFileSync(new URL('./browser.js', import.meta.url), 'utf8');
  const kib = sizeOf([code]);
  process.stdout.write(`@really/client/browser: ${kib.toFixed(2)} KiB gzip\n`);
  expect(kib).toBeLessThanOrEqual(20.4);
  expect(code).not.toMatch(/\bimport\(/);
  expect(code.match(/(?:^|[;}])\s*(?:import|export)\b[^;]*?\bfrom\s*['"`][^;]*/gm)).toBe(null);
});
