import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { tasks } from './models.js';
import { linesOf, runProgram } from './run-program.js';

const program = fileURLToPath(new URL('../../../packages/server/bin/really.js', import.meta.url));
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
/** Whether a user without rights can run the program, wherever this repository is. */
const asNobody =
  isRoot && spawnSync(process.execPath, [program, '--version'], { uid: nobody }).status === 0;

/** The modes of what is in a folder, and of the folder itself: `.`. */
function modesOf(folder: string): Record<string, string> {
  const modes = ['.', ...readdirSync(folder)].map((name) => {
    return [name, (statSync(join(folder, name)).mode & 0o7777).toString(8)];
  });
  return Object.fromEntries(modes);
}

/** What is started meanwhile has this umask. */
async function withUmask<T>(umask: number, start: () => Promise<T>): Promise<T> {
  const before = process.umask(umask);
  try {
    return await start();
  } finally {
    process.umask(before);
  }
}

async function createOne(server: ServerProcess): Promise<void> {
  using client = await Client.connect(server.socketUrl);
  const { error } = await client.request({ cmd: 'create', r: '/tasks', body: { title: 'a' } });
  expect(error).toBeUndefined();
}

const database = {
  'really.db': '600',
  'really.db-shm': '600',
  'really.db.epoch': '600',
  'really.db-wal': '600',
  'really.db.lock': '600',
};

describe('[FIL1] the data is for its owner alone', () => {
  test.each([0o000, 0o277])('whatever the umask: %d', async (umask) => {
    await using app = await appFolder(tasks);
    const data = join(app.dir, 'kept/data');
    const options = {
      ...({ dir: app.dir, command: 'dev', args: ['--data', 'kept/data'] } as const),
      env: { REALLY_SECRET: '' },
    };
    await using server = await withUmask(umask, () => ServerProcess.start(options));
    await createOne(server);
    expect(modesOf(data)).toEqual({ '.': '700', 'development.secret': '600', ...database });
    const files = ['backup', 'export'].map((command) => join(app.dir, `${command}.copy`));
    const [backup = '', exported = ''] = files;
    const flag = ['--data', 'kept/data'];
    await withUmask(umask, async () => {
      expect(await runProgram(['backup', backup, ...flag], app)).toMatchObject({ code: 0 });
      expect(await runProgram(['export', exported, ...flag], app)).toMatchObject({ code: 0 });
    });
    for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('even if others could read it before', async () => {
    await using app = await appFolder(tasks);
    const data = join(app.dir, 'data');
    const options = { dir: app.dir, command: 'dev', env: { REALLY_SECRET: '' } } as const;
    await using first = await ServerProcess.start(options);
    await createOne(first);
    await first.kill();
    for (const name of readdirSync(data)) chmodSync(join(data, name), 0o666);
    chmodSync(data, 0o755);
    await using _second = await ServerProcess.start(options);
    expect(modesOf(data)).toEqual({ '.': '700', 'development.secret': '600', ...database });
  });
});

describe.runIf(asNobody)('[CLI5] without the permission (run by root)', () => {
  /** What a user without rights reads when the server does not start. */
  function refusal(dir: string): string {
    const { status, stderr } = spawnSync(process.execPath, [program, 'start', '--port', '0'], {
      ...{ cwd: dir, uid: nobody, gid: nobody, encoding: 'utf8' },
      env: { ...process.env, REALLY_SECRET: testSecret },
    });
    expect(status).toBe(2);
    expect(linesOf(stderr)).toHaveLength(1);
    return stderr;
  }

  test('to make the data folder', async () => {
    await using app = await appFolder(tasks);
    chmodSync(app.dir, 0o755);
    expect(refusal(app.dir)).toContain(
      `permission denied: user ${nobody} may not make anything in the folder ${app.dir} (owner 0, mode 0755)`,
    );
  });

  test('to read the files of another user', async () => {
    await using app = await appFolder(tasks);
    chmodSync(app.dir, 0o755);
    mkdirSync(join(app.dir, 'data'));
    chownSync(join(app.dir, 'data'), nobody, nobody);
    const file = join(app.dir, 'data/really.db-wal');
    writeFileSync(file, '', { mode: 0o600 });
    expect(refusal(app.dir)).toContain(
      `user ${nobody} may not read or change ${file} (owner 0, mode 0600)`,
    );
  });
});
