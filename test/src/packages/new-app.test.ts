import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, type TestContext, test } from 'vitest';
import { root } from '../conventions/sources.js';
import { appFolder } from '../harness/app-folder.js';
import { type NpmRun, npmCommand, npmEnvironment, runNpm } from './npm.js';
import { pack, published } from './pack.js';
import { packageRegistry } from './package-registry.js';

const run = promisify(execFile);

/** Fails unless npm did its work; where the registry of the dependencies cannot be reached, the test is skipped. */
function expectDone({ code, stdout, stderr }: NpmRun, context: TestContext): void {
  const unreachable =
    /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|E50\d)\b/;
  const why = unreachable.exec(stderr)?.[0];
  // Null: it was ended because it took too long.
  if (code === null) context.skip('npm did not get the dependencies in time');
  if (code !== 0 && why) context.skip(`the registry of the dependencies cannot be reached: ${why}`);
  expect({ code, stdout, stderr }).toMatchObject({ code: 0 });
}

/** npm with its kept downloads, but nothing else of this machine, and the registry for our own packages. */
async function npmSettings(dir: string, registry: string): Promise<Record<string, string>> {
  const { stdout } = await runNpm(['config', 'get', 'cache'], dir);
  const cache = join(dir, 'cache');
  await mkdir(cache);
  await mkdir(join(stdout.trim(), '_cacache'), { recursive: true });
  await symlink(join(stdout.trim(), '_cacache'), join(cache, '_cacache'));
  return {
    'npm_config_@really:registry': registry,
    npm_config_cache: cache,
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  };
}

/** `npm run dev`, until it is disposed of. */
async function startDev(dir: string, env: Readonly<Record<string, string>>) {
  const [program, ...first] = npmCommand();
  const child = spawn(program, [...first, 'run', 'dev', '--', '--port', '0'], {
    ...{ cwd: dir, env: npmEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] },
    // A group of its own: npm, its shell and the server.
    detached: true,
  });
  const end = (signal: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
  };
  let output = '';
  const stopped = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => {
      end('SIGKILL');
      reject(new Error(`npm run dev ${why}: ${output}`));
    };
    const timer = setTimeout(() => fail('is not ready in time'), 240_000);
    const receive = (text: string) => {
      output += text;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    };
    child.stdout?.setEncoding('utf8').on('data', receive);
    child.stderr?.setEncoding('utf8').on('data', receive);
    void stopped.then(() => fail('ended'), reject);
  });
  return {
    url,
    async [Symbol.asyncDispose]() {
      end('SIGTERM');
      await stopped;
    },
  };
}

const useOfClient = `
import { Really } from '@really/client';
const [url] = process.argv.slice(2);
const response = await fetch(url + '/auth/anonymous', { method: 'POST' });
const { accessToken } = await response.json();
const really = new Really(url.replace('http', 'ws'), { token: accessToken });
const task = await really.collection('/tasks').create({ title: 'Buy milk' });
console.log((await really.object(task._r).get()).title);
really.close();
`;

/** Every entry that needs no other package. */
const everyEntry = `
import { Really } from '@really/client';
import { anonymous } from '@really/client/anonymous';
import { offline } from '@really/client/offline';
import { Room } from '@really/client/room';
import * as browser from '@really/client/browser';
import { parseR } from '@really/protocol';
import { parseR as again } from '@really/protocol/client';
import { compilePredicate } from '@really/protocol/values';
import { Type } from '@really/protocol/schema';
import { startServer } from '@really/server';
export const all = [Really, anonymous, offline, Room, browser.Really, parseR, again, compilePredicate, Type, startServer];
`;

/** For each template: its page, a line of it, and that line with a mistake. */
const templates = [
  ['plain', 'public/app.js', 'create({ title: text })', 'create({ titel: text })'],
  ['react', 'src/main.tsx', "create('/tasks', { title })", "create('/tasks', { titel: title })"],
] as const;

test.for(templates)(
  '[CLI8] from the packages, in an empty folder: really init --template %s, npm install, npm run dev',
  { timeout: 600_000 },
  async ([template, page, right, wrong], context) => {
    await using folder = await appFolder({});
    const packages = [];
    for (const name of published) packages.push(await pack(name, folder.dir));
    await using registry = await packageRegistry(packages);
    const env = await npmSettings(folder.dir, registry.url);
    const home = join(folder.dir, 'home');
    await mkdir(home);
    // What `npx --package @really/server really init app` runs.
    const init = ['really', 'init', 'app', '--template', template];
    const npx = ['exec', '--yes', '--package', '@really/server', '--', ...init];

    expectDone(await runNpm(npx, home, env), context);

    const app = join(home, 'app');
    expectDone(await runNpm(['install'], app, env), context);
    // Before the first start, as a fresh clone in CI would.
    expect(await runNpm(['run', 'check'], app, env)).toMatchObject({ code: 0 });

    {
      await using dev = await startDev(app, env);
      expect(await (await fetch(dev.url)).text()).toContain('<title>Tasks</title>');
      expect((await fetch(`${dev.url}/app.js`)).status).toBe(200);
      await writeFile(join(app, 'use.js'), useOfClient);
      const { stdout } = await run(process.execPath, ['use.js', dev.url], { cwd: app });
      expect(stdout).toBe('Buy milk\n');
    }
    expect(await readdir(app)).toEqual(expect.arrayContaining(['really.d.ts', 'really.js']));
    expect(await runNpm(['run', 'check'], app, env)).toMatchObject({ code: 0 });

    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const check = (...args: string[]) =>
      run(process.execPath, [tsc, '--pretty', 'false', ...args], { cwd: app }).catch(
        ({ stdout }: { stdout: string }) => ({ stdout }),
      );
    const config = template === 'plain' ? 'jsconfig.json' : 'tsconfig.json';
    expect((await check('-p', config)).stdout).toBe('');
    const text = await readFile(join(app, page), 'utf8');
    await writeFile(join(app, page), text.replace(right, wrong));
    expect((await check('-p', config)).stdout).toContain("'titel' does not exist");

    await writeFile(join(app, 'entries.mts'), everyEntry);
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext'];
    expect(
      (await check(...options, '--target', 'es2022', '--types', '', 'entries.mts')).stdout,
    ).toBe('');
  },
);
