import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { linesOf, runProgram } from './run-program.js';

describe('help', () => {
  test('[CLI5] --help names the commands of this version and ends with 0', async () => {
    await using app = await appFolder({});
    const { code, stdout, stderr } = await runProgram(['--help'], app);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    const names = [
      'start',
      'dev',
      'init',
      'models',
      'token',
      'migrate',
      'export',
      'import',
      'backup',
    ];
    for (const name of [...names, 'bench', 'dead-letters', 'config']) {
      expect(stdout).toMatch(new RegExp(`^ +${name} `, 'm'));
    }
  });

  test('[CLI5] --help of a command names its flags with their defaults', async () => {
    await using app = await appFolder({});
    const { code, stdout } = await runProgram(['start', '--help'], app);
    expect(code).toBe(0);
    const flags = ['--port', '--host', '--models', '--data', '--secret', '--store', '--bus'];
    for (const flag of flags) expect(stdout).toContain(flag);
    expect(stdout).toContain('9000');
  });

  test('[CLI5] --version prints the version of the package', async () => {
    await using app = await appFolder({});
    const manifest = new URL('../../../packages/server/package.json', import.meta.url);
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
    expect(await runProgram(['--version'], app)).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });
});

describe('used wrongly', () => {
  test.each([
    [['nonsense'], 'unknown command'],
    [['init'], "missing required argument 'DIR'"],
    [['init', 'x', 'y'], 'too many arguments'],
    [['start', '--nonsense'], 'unknown option'],
    [['start', 'extra'], 'too many arguments'],
    [['dev', '--port'], 'argument missing'],
    [['dev', '--port', 'high'], '--port: expected a whole number'],
    [['start', '--store', 'paper'], '--store: expected sqlite or memory'],
    [['models', 'chek'], 'unknown command'],
    [['token'], '--uid'],
    [['token', '--uid', 'a', '--data', '[]'], 'expected a JSON object'],
    [['token', '--uid', 'a', '--r', '/users'], 'expected the R of an object'],
    [['token', '--uid', 'a', '--expires', 'soon'], 'expected a duration'],
  ])('[CLI5] really %j ends with 2 and one line that says why', async (args, why) => {
    await using app = await appFolder({ 'models/.keep': '' });
    const { code, stdout, stderr } = await runProgram(args, app);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(linesOf(stderr)).toHaveLength(1);
    expect(stderr).toContain(why);
  });

  test('[CLI5] no command at all is used wrongly, and shows the help', async () => {
    await using app = await appFolder({});
    const { code, stderr } = await runProgram([], app);
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: really');
  });
});
