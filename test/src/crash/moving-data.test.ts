import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  contentOf,
  databaseIn,
  fillTasks,
  linesBetween,
  movingApp,
} from '../cli/moving-data-app.js';
import { runProgram } from '../cli/run-program.js';
import { appFolder } from '../harness/app-folder.js';

const program = fileURLToPath(new URL('../../../packages/server/bin/really.js', import.meta.url));
const tasks = 6000;

/** Starts the program, and sends it a signal as soon as `isTime` says so. Resolves with its exit code, null where the signal ended it. */
async function runUntil(
  dir: string,
  args: string[],
  isTime: () => Promise<boolean>,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<number | null> {
  const child: ChildProcess = spawn(process.execPath, [program, ...args], {
    cwd: dir,
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  let sent = false;
  while (child.exitCode === null && child.signalCode === null) {
    if (!sent && (await isTime())) sent = child.kill(signal);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [code] = await exited;
  return code as number | null;
}

/** The same, where it has to be cut off: again from the beginning where it came to its end before the signal reached it. */
async function cutOff(
  dir: string,
  args: string[],
  {
    begin,
    hasBegun,
    signal,
  }: {
    readonly begin: () => Promise<unknown>;
    readonly hasBegun: () => Promise<boolean>;
    readonly signal?: NodeJS.Signals;
  },
): Promise<number | null> {
  let code: number | null = 0;
  for (let attempt = 0; code === 0 && attempt < 10; attempt++) {
    await begin();
    code = await runUntil(dir, args, hasBegun, signal);
  }
  return code;
}

const sizeOf = async (file: string) => (await stat(file).catch(() => undefined))?.size ?? 0;

/** An empty folder, whatever there was before. */
async function emptied(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
}

test('[MOV5] an export that is killed again and again ends like an undisturbed one', async () => {
  await using app = await appFolder(movingApp);
  await fillTasks(app.dir, tasks);
  const args = ['--history'];
  const whole = (await runProgram(['export', ...args], { dir: app.dir })).stdout;
  const file = join(app.dir, 'data.ndjson');
  const written = async () => {
    const drafts = (await readdir(app.dir)).filter((name) => name.endsWith('.part'));
    return Math.max(0, ...(await Promise.all(drafts.map((name) => sizeOf(join(app.dir, name))))));
  };
  let kills = 0;
  for (let least = 1; least < whole.length; least += Math.floor(whole.length / 4)) {
    const resume = ['export', 'data.ndjson', '--resume', ...args];
    const killed = await runUntil(app.dir, resume, async () => (await written()) >= least);
    // It is there when it is complete, or not at all.
    const found = await readFile(file, 'utf8').catch(() => undefined);
    if (found === undefined) kills += 1;
    else expect(linesBetween(found)).toEqual(linesBetween(whole));
    if (killed !== null) break;
  }
  expect(kills).toBeGreaterThan(0);
  const last = await runProgram(['export', 'data.ndjson', '--resume', ...args], { dir: app.dir });
  expect(last.code, last.stderr).toBe(0);
  expect(linesBetween(await readFile(file, 'utf8'))).toEqual(linesBetween(whole));
  expect((await readdir(app.dir)).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('[MOV5] [MOV7] an export that is killed leaves the file that it would replace, and the next one starts over', async () => {
  await using app = await appFolder(movingApp);
  await fillTasks(app.dir, tasks);
  const hasBegun = async () => (await readdir(app.dir)).some((name) => name.endsWith('.part'));
  const args = ['export', 'data.ndjson', '--force'];
  const file = join(app.dir, 'data.ndjson');
  const begin = () => writeFile(file, 'the one before');
  expect(await cutOff(app.dir, args, { begin, hasBegun })).toBeNull();
  expect(await readFile(file, 'utf8')).toBe('the one before');
  expect(await runProgram(args, { dir: app.dir })).toMatchObject({ code: 0 });
  const { stdout } = await runProgram(['export'], { dir: app.dir });
  expect(linesBetween(await readFile(file, 'utf8'))).toEqual(linesBetween(stdout));
  expect(await hasBegun()).toBe(false);
});

test('[MOV11] an import that is killed again and again ends like an undisturbed one', async () => {
  await using app = await appFolder(movingApp);
  await fillTasks(app.dir, tasks);
  await runProgram(['export', 'data.ndjson', '--history'], { dir: app.dir });
  const lines = await readFile(join(app.dir, 'data.ndjson'), 'utf8');
  await using other = await appFolder({ ...movingApp, 'data.ndjson': lines });
  const log = `${databaseIn(other.dir)}-wal`;
  let kills = 0;
  for (const grown of [100_000, 800_000, 400_000, 2_000_000]) {
    const before = await sizeOf(log);
    const isTime = async () => {
      const size = await sizeOf(log);
      return size > grown && size !== before;
    };
    if ((await runUntil(other.dir, ['import', 'data.ndjson'], isTime)) === null) kills += 1;
  }
  expect(kills).toBeGreaterThan(0);
  const partly = await contentOf(databaseIn(other.dir));
  // Whatever is there is whole.
  const original = await contentOf(databaseIn(app.dir));
  for (const [r, kept] of partly) expect(kept, r).toEqual(original.get(r));
  const last = await runProgram(['import', 'data.ndjson'], { dir: other.dir });
  expect(last.code, last.stderr).toBe(0);
  expect(await contentOf(databaseIn(other.dir))).toEqual(original);
  const again = await runProgram(['export', '--history'], { dir: other.dir });
  expect(linesBetween(again.stdout)).toEqual(linesBetween(lines));
});

test('[MOV2] a backup that is killed leaves no output file, and the next one removes its draft', async () => {
  await using app = await appFolder(movingApp);
  await fillTasks(app.dir, tasks);
  const copies = join(app.dir, 'copies');
  const args = ['backup', 'copies/data.db'];
  const begin = () => emptied(copies);
  const hasBegun = async () => (await readdir(copies)).length > 0;
  expect(await cutOff(app.dir, args, { begin, hasBegun })).toBeNull();
  expect(await readdir(copies)).not.toContain('data.db');
  expect(await readdir(copies)).not.toEqual([]);
  expect(await runProgram(args, { dir: app.dir })).toMatchObject({ code: 0 });
  expect(await readdir(copies)).toEqual(['data.db']);
  expect(await contentOf(join(copies, 'data.db'))).toEqual(await contentOf(databaseIn(app.dir)));
});

test('[MOV2] a backup that is stopped removes its draft', async () => {
  await using app = await appFolder(movingApp);
  await fillTasks(app.dir, tasks);
  const copies = join(app.dir, 'copies');
  const args = ['backup', 'copies/data.db'];
  const begin = () => emptied(copies);
  const hasBegun = async () => (await readdir(copies)).length > 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    expect(await cutOff(app.dir, args, { begin, hasBegun, signal })).toBe(1);
    expect(await readdir(copies)).toEqual([]);
  }
});
