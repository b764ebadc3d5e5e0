import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { ServerProcess } from '../harness/server-process.js';
import { root } from './sources.js';

const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');

test('the health check of the image recognizes a running server and a stopped one', async () => {
  const [, list = ''] = /HEALTHCHECK[\s\S]*?CMD (\[.+\])/.exec(dockerfile) ?? [];
  const [program, ...args] = JSON.parse(list) as string[];
  expect(program).toBe('node');
  const check = (port: string) =>
    new Promise<number | null>((resolve) => {
      const child = execFile(process.execPath, args, { env: { REALLY_PORT: port } });
      child.once('exit', resolve);
    });
  await using app = await appFolder({ 'models/a/model.yaml': 'version: 1\nfields: {}\n' });
  const server = await ServerProcess.start({ dir: app.dir, command: 'dev' });
  const { port } = new URL(server.url);
  expect(await check(port)).toBe(0);
  await server[Symbol.asyncDispose]();
  expect(await check(port)).toBe(1);
});

test('the image runs as a user without rights, and copies only what is there', () => {
  const lines = dockerfile.split('\n');
  expect(lines.findLast((line) => line.startsWith('USER'))).toBe('USER node');
  const copied = lines.flatMap(
    (line) => /^COPY --from=build \/really\/(\S+)/.exec(line)?.[1] ?? [],
  );
  expect(copied).toContain('packages');
  for (const path of copied) expect(existsSync(join(root, path))).toBe(true);
});

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

test.skipIf(!hasSystemd)('systemd accepts the unit', () => {
  const unit = join(root, 'ops/really.service');
  const said = execFileSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  expect(said).toBe('');
  expect(readFileSync(unit, 'utf8')).toContain('DynamicUser=yes');
});
