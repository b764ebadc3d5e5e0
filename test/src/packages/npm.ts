import { spawn } from 'node:child_process';
import { basename } from 'node:path';

export interface NpmRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command of npm and its first arguments: of the npm that runs the tests, or else the one that the path leads to. */
export function npmCommand(): [program: string, ...args: string[]] {
  const program = process.env.npm_execpath;
  const isKnown = program !== undefined && basename(program) === 'npm-cli.js';
  return isKnown ? [process.execPath, program] : ['npm'];
}

/** The environment without what an npm around the tests says of itself and of the folder that it runs in. */
export function npmEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const ofAround =
    /^(?:REALLY_.*|NODE_ENV|INIT_CWD|npm_(?:package|lifecycle|command).*|npm_config_(?:local_prefix|workspace.*|include.*|omit))$/i;
  const kept = Object.entries(process.env).filter(([name]) => !ofAround.test(name));
  return { ...Object.fromEntries(kept), ...more };
}

/** Runs npm to its end, which comes after `patience` milliseconds at the latest. */
export function runNpm(
  args: readonly string[],
  dir: string,
  env: Readonly<Record<string, string>> = {},
  patience = 240_000,
): Promise<NpmRun> {
  const [program, ...first] = npmCommand();
  const child = spawn(program, [...first, ...args], {
    cwd: dir,
    env: npmEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patience,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
}
