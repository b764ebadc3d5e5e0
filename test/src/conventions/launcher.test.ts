import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { root } from './sources.js';

const [major = ''] = process.versions.node.split('.');
const oldVersion = '18.19.1';
const binary = process.platform === 'win32' ? 'node.exe' : 'node';

/** Stands for npm: `brings` says which package has which program. Any other is not there. */
const npm = (brings: Readonly<Record<string, string>>) => `
  const { appendFileSync, mkdirSync, symlinkSync } = require('node:fs');
  const wanted = process.argv.at(-1).split('@')[0];
  appendFileSync(process.env.ASKED, process.argv.at(-1) + ' global=' + process.env.npm_config_global + '\\n');
  const program = Object.entries(${JSON.stringify(brings)})
    .find(([name]) => name === wanted || (name === 'platform' && wanted !== 'node'))?.[1];
  if (program === undefined) {
    console.error('npm error 404 ' + wanted + ' is not there');
    process.exit(1);
  }
  const folder = 'node_modules/' + wanted + '/bin';
  mkdirSync(folder, { recursive: true });
  symlinkSync(program, folder + '/${binary}');`;

/** The script that is run, by whatever Node.js. */
const script = `
  const { argv, env, execPath, versions } = process;
  const { PATH, npm_node_execpath } = env;
  if (argv[2] === 'wait') {
    let received = [];
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => { received.push(signal); console.log(received.join()); if (received.length === 2) process.exit(7); });
    }
    setInterval(() => {}, 1000);
    console.log('waiting');
  } else if (argv[2] === 'die') process.kill(process.pid, 'SIGKILL');
  else if (argv[2] === 'end') process.exitCode = Number(argv[3]);
  else console.log(JSON.stringify({ args: argv.slice(2), node: versions.node, PATH, npm_node_execpath }));`;

/** The repository as its launcher sees it, with nothing else in it. */
async function repository(brings: Readonly<Record<string, string>>): Promise<AppFolder> {
  const engines = { node: `>=${major}.0` };
  const folder = await appFolder({
    'package.json': JSON.stringify({ engines }),
    'package-lock.json': '{"packages":{}}',
    'node_modules/.package-lock.json': '{"packages":{}}',
    'npm/npm-cli.js': npm(brings),
    'npm/package.json': '{"type":"commonjs"}',
    'scripts/probe.mjs': script,
    'not-node': '#!/bin/sh\necho it is for another system >&2\nexit 127\n',
  });
  chmodSync(join(folder.dir, 'not-node'), 0o755);
  for (const name of ['run', 'child', 'fetch-node', 'node-version', 'prepare']) {
    cpSync(join(root, `scripts/${name}.mjs`), join(folder.dir, `scripts/${name}.mjs`));
  }
  return folder;
}

interface Launched {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What makes a Node.js say that it is of that version. */
function pretending(version: string): string[] {
  const versions = JSON.stringify({ ...process.versions, node: version });
  const code = `Object.defineProperty(process, 'versions', { value: ${versions} })`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

function launch(dir: string, args: readonly string[], version = oldVersion): ChildProcess {
  return spawn(process.execPath, [...pretending(version), 'scripts/run.mjs', ...args], {
    cwd: dir,
    env: {
      PATH: process.env.PATH,
      npm_execpath: join(dir, 'npm/npm-cli.js'),
      npm_node_execpath: '/old/node',
      npm_config_global: 'true',
      ASKED: join(dir, 'asked'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(dir: string, args: readonly string[], version?: string): Promise<Launched> {
  const child = launch(dir, args, version);
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

const fetched = (dir: string) =>
  readdirSync(join(dir, 'node_modules')).filter((name) => name.startsWith('.node-'));

test('an old Node.js downloads a new one, once, says so in one line, and continues with it', async () => {
  await using repo = await repository({ platform: process.execPath });
  const first = await run(repo.dir, ['probe', 'one', '--node', '3', 'a b']);
  expect(first.stderr).toBe(
    `This is Node.js ${oldVersion}, and ${major}.0 or later is needed: fetching Node.js ${major} …\n`,
  );
  expect(first.code).toBe(0);
  const reported = JSON.parse(first.stdout);
  expect(reported.args).toEqual(['one', '--node', '3', 'a b']);
  expect(reported.node).toBe(process.versions.node);
  expect(fetched(repo.dir)).toEqual([`.node-${major}`]);
  const [folder = ''] = reported.PATH.split(':');
  expect(existsSync(join(folder, binary))).toBe(true);
  expect(reported.npm_node_execpath).toBe(join(folder, binary));
  const second = await run(repo.dir, ['probe', 'end', '3']);
  expect(second).toEqual({ code: 3, stdout: '', stderr: '' });
  // Where the script was started with `npm --global`, that is not meant for what is fetched.
  const asked = readFileSync(join(repo.dir, 'asked'), 'utf8');
  expect(asked).toMatch(/^node-\S+@\d+ global=undefined\n$/);
});

test('a package without a binary is skipped for the one that has it', async () => {
  await using repo = await repository({ node: process.execPath });
  const { code, stdout } = await run(repo.dir, ['probe']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).node).toBe(process.versions.node);
  await using broken = await repository({
    platform: join(repo.dir, 'not-node'),
    node: process.execPath,
  });
  expect((await run(broken.dir, ['probe'])).code).toBe(0);
});

test('if no Node.js can be downloaded it says why, and leaves no files', async () => {
  await using none = await repository({});
  const refused = await run(none.dir, ['probe']);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toBe('');
  expect(refused.stderr).toContain(
    `Node.js ${major} could not be fetched; install Node.js ${major}.0 or later yourself`,
  );
  expect(refused.stderr).toContain('npm error 404 node is not there');
  expect(fetched(none.dir)).toEqual([]);
  await using foreign = await repository({ platform: join(none.dir, 'not-node') });
  const { code, stderr } = await run(foreign.dir, ['probe']);
  expect(code).toBe(1);
  expect(stderr).toContain('it does not run here: it is for another system');
  expect(fetched(foreign.dir)).toEqual([]);
});

test('a supported Node.js runs it itself, or another version on request', async () => {
  await using repo = await repository({ platform: process.execPath });
  const itself = await run(repo.dir, ['probe', 'x'], `${major}.99.0`);
  expect(itself.stderr).toBe('');
  expect(JSON.parse(itself.stdout)).toMatchObject({ args: ['x'], npm_node_execpath: '/old/node' });
  const other = await run(repo.dir, ['--node', major, 'probe', 'x'], `${Number(major) + 2}.1.0`);
  expect(other.stderr).toBe(
    `This is Node.js ${Number(major) + 2}.1.0: fetching Node.js ${major} …\n`,
  );
  expect(JSON.parse(other.stdout).args).toEqual(['x']);
  for (const wrong of ['18', 'new', '']) {
    const { code, stderr } = await run(repo.dir, ['--node', wrong, 'probe']);
    expect([code, stderr]).toEqual([2, `--node: expected a major version from ${major} on\n`]);
  }
});

test.skipIf(process.platform === 'win32')(
  'what the launcher is sent reaches the script, and it ends as the script does',
  async () => {
    await using repo = await repository({ platform: process.execPath });
    for (const [signals, received] of [
      [['SIGTERM', 'SIGTERM'], 'SIGTERM,SIGTERM'],
      [['SIGHUP', 'SIGTERM'], 'SIGHUP,SIGTERM'],
      // Once only, for from a terminal it comes by itself too; and twice where somebody insists.
      [['SIGINT', 'SIGINT'], 'SIGTERM,SIGINT'],
    ] as const) {
      const child = launch(repo.dir, ['probe', 'wait']);
      const exited = once(child, 'exit');
      const lines = child.stdout?.setEncoding('utf8')[Symbol.asyncIterator]();
      expect((await lines?.next())?.value).toBe('waiting\n');
      child.kill(signals[0]);
      await lines?.next();
      child.kill(signals[1]);
      expect((await lines?.next())?.value).toBe(`${received}\n`);
      expect(await exited).toEqual([7, null]);
    }
    expect((await run(repo.dir, ['probe', 'die'])).code).toBe(128 + 9);
  },
);

test('[CLI5] really ends with one line and 2 on a Node.js that is too old', async () => {
  const program = join(root, 'packages/server/bin/really.js');
  for (const version of ['20.20.2', '22.11.0', '14.21.3']) {
    const child = spawn(process.execPath, [...pretending(version), program, '--version'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    const [code] = await once(child, 'close');
    expect([code, said]).toEqual([
      2,
      `really: Node.js 22.12 or later is needed, and this is ${version}\n`,
    ]);
  }
});
