import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

/** KiB that the core may have, minified and compressed. It has 15.71; versions of zlib differ. Why not 12: docs/decisions/0022-client.md. */
const most = 15.8;

async function bundled(entry: string): Promise<{ code: string; modules: string[] }> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL(entry, import.meta.url)),
    platform: 'browser',
  });
  const { output } = await bundle.generate({ format: 'es', minify: true });
  await bundle.close();
  const [chunk] = output;
  return { code: chunk.code, modules: chunk.moduleIds };
}

test('the core is small, and has neither the message schemas nor the query language in it', async () => {
  const { code, modules } = await bundled('./mod.js');
  const kib = gzipSync(code, { level: 9 }).length / 1024;
  process.stdout.write(
    `@really/client: ${kib.toFixed(2)} KiB gzip, ${code.length} bytes minified\n`,
  );
  expect(modules.filter((path) => /typebox|\/rql\/(?!compare)|\/messages\//.test(path))).toEqual(
    [],
  );
  expect(kib).toBeLessThanOrEqual(most);
});

test('what keeps writes on the device is small, and not in the core', async () => {
  const { code, modules } = await bundled('./offline/mod.js');
  const kib = gzipSync(code, { level: 9 }).length / 1024;
  process.stdout.write(`@really/client/offline: ${kib.toFixed(2)} KiB gzip\n`);
  expect(kib).toBeLessThanOrEqual(2.5);
  expect(modules.some((path) => path.includes('/protocol/'))).toBe(false);
  const core = await bundled('./mod.js');
  expect(core.modules.filter((path) => path.includes('/offline/'))).toEqual([]);
});

test('what evaluates filters is not in the core', async () => {
  const { code, modules } = await bundled('./rql/mod.js');
  const kib = gzipSync(code, { level: 9 }).length / 1024;
  const core = await bundled('./mod.js');
  const shared = modules.filter((path) => core.modules.includes(path));
  const own = modules.filter((path) => !core.modules.includes(path));
  process.stdout.write(`@really/client/rql: ${kib.toFixed(2)} KiB gzip with what it shares\n`);
  // The feed that it is based on, and all that this needs, are in the core anyway.
  expect(shared.some((path) => path.endsWith('live-list-feed.js'))).toBe(true);
  expect(own.filter((path) => !/\/rql\/|\/protocol\//.test(path))).toEqual([]);
  expect(kib).toBeLessThanOrEqual(12.5);
});

test('rooms are small, and not in the core', async () => {
  const { code } = await bundled('./room/mod.js');
  const kib = gzipSync(code, { level: 9 }).length / 1024;
  process.stdout.write(`@really/client/room: ${kib.toFixed(2)} KiB gzip\n`);
  expect(kib).toBeLessThanOrEqual(2.5);
  const core = await bundled('./mod.js');
  const rooms = core.modules.filter((path) => path.includes('/room/'));
  expect(rooms.filter((path) => !path.endsWith('rooms-port.js'))).toEqual([]);
});

test('the file for pages without a bundler is small, and imports nothing', () => {
  const code = readFileSync(new URL('./browser.js', import.meta.url), 'utf8');
  const kib = gzipSync(code, { level: 9 }).length / 1024;
  process.stdout.write(`@really/client/browser: ${kib.toFixed(2)} KiB gzip\n`);
  expect(kib).toBeLessThanOrEqual(19.4);
  expect(code.match(/(?:^|[;}])\s*(?:import|export)\b[^;]*?\bfrom\s*['"`][^;]*/gm)).toBe(null);
});
