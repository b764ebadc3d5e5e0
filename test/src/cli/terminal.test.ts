import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess } from '../harness/server-process.js';
import { tasks } from './models.js';

const program = fileURLToPath(new URL('../../../packages/server/bin/really.js', import.meta.url));
const start = fileURLToPath(new URL('../../../scripts/run.mjs', import.meta.url));
/** `script` runs a program in a terminal of its own, which is gone when it is killed. */
const hasTerminals = spawnSync('script', ['-qfec', 'setsid --wait true', '/dev/null']).status === 0;

test('[CLI14] dev stops cleanly on SIGHUP', async () => {
  await using app = await appFolder(tasks);
  await using server = await ServerProcess.start({ dir: app.dir, command: 'dev' });
  using client = await Client.connect(server.socketUrl);
  process.kill(server.pid, 'SIGHUP');
  expect(await server.exited).toBe(0);
  expect(await client.closed).toMatchObject({ code: 1001 });
});

test.runIf(hasTerminals).each([
  ['dev', `${program} dev --port 0`, ''],
  ['npm start', `${start} start --port 0 --data data`, ''],
  ['dev in the background, which gets no SIGHUP', `${program} dev --port 0`, 'setsid --wait '],
] as const)(
  '[CLI14] the terminal of %s is closed (needs script)',
  async (_name, command, apart) => {
    await using app = await appFolder(tasks);
    const file = join(app.dir, 'pid');
    const line = command.replace('--data data', `--data ${join(app.dir, 'data')}`);
    const shell = `${apart}sh -c 'echo $$ > ${file}; exec ${process.execPath} ${line}'`;
    const terminal = spawn('script', ['-qfec', shell, '/dev/null'], {
      cwd: app.dir,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exited = once(terminal, 'exit');
    let pid = 0;
    try {
      let shown = '';
      terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
      });
      await expect.poll(() => shown).toContain('Really is ready');
      pid = Number(readFileSync(file, 'utf8'));
      expect(isRunning(pid)).toBe(true);
      terminal.kill('SIGKILL');
      await exited;
      await expect.poll(() => isRunning(pid)).toBe(false);
    } finally {
      terminal.kill('SIGKILL');
      if (pid > 0 && isRunning(pid)) process.kill(pid, 'SIGKILL');
    }
  },
);

/** False also for a zombie process. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z\s]/.test(stdout.trim());
}
