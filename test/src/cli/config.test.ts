import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { linesOf, runProgram } from './run-program.js';

const secret = 'nobody-may-read-this-nobody-may-read-this';

/** The value and the source of a key in what `really config` printed. */
function rowOf(stdout: string, key: string): string[] | undefined {
  const line = linesOf(stdout).find((one) => one.startsWith(`${key} `));
  return line?.split(/ {2,}/).slice(1);
}

test('[CFG1] [CFG3] config prints the current values and their sources, and masks secrets', async () => {
  await using app = await appFolder({
    'really.yaml': `port: 1111\nidleTimeout: 90\nonceWindow: 2h\nsecret: ${secret}\n`,
  });
  const env = { REALLY_PORT: '2222', REALLY_ONCE_WINDOW: '3h' };
  const { code, stdout, stderr } = await runProgram(['config', '--port', '3333'], {
    dir: app.dir,
    env,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(rowOf(stdout, 'port')).toEqual(['3333', 'flag --port']);
  expect(rowOf(stdout, 'onceWindow')).toEqual(['3h', 'environment REALLY_ONCE_WINDOW']);
  expect(rowOf(stdout, 'idleTimeout')).toEqual(['90s', 'file really.yaml:2:1']);
  expect(rowOf(stdout, 'rate.commands')).toEqual(['1000', 'default']);
  expect(rowOf(stdout, 'secret')).toEqual(['********', 'file really.yaml:4:1']);
  expect(stdout).not.toContain(secret);
});

test('[CFG2] [CLI5] an unknown key stops every command, and the most similar known one is named', async () => {
  await using app = await appFolder({ 'really.yaml': 'limits:\n  conections: 5\n' });
  for (const args of [['config'], ['dev', '--port', '0'], ['models', 'check']]) {
    const { code, stdout, stderr } = await runProgram(args, app);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      'really: really.yaml:2:3: limits.conections: is not known; did you mean limits.connections?\n',
    );
  }
});

test('[CFG7] all problems are reported together, a line each', async () => {
  await using app = await appFolder({ 'really.yaml': 'port: x\ncors: y\napps: 1\n' });
  const env = { REALLY_LOG_LEVEL: 'loud', REALLY_NONSENSE: '1' };
  const { code, stderr } = await runProgram(['config'], { dir: app.dir, env });
  expect(code).toBe(2);
  expect(linesOf(stderr)).toHaveLength(5);
});
