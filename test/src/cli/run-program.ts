import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../../packages/server/bin/really.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** The folder that it runs in. */
  readonly dir: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What it reads on stdin. */
  readonly input?: string | undefined;
}

/** Runs `really` to its end, with nothing in the environment that would configure it but `env`. */
export function runProgram(
  args: readonly string[],
  { dir, env = {}, input }: RunOptions,
): Promise<Finished> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('REALLY_'));
  const child = spawn(process.execPath, [program, ...args], {
    cwd: dir,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {}).end(input);
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  // A server that should have refused to start must not keep the test waiting.
  const timer = setTimeout(() => child.kill('SIGKILL'), 240_000);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...output });
    });
  });
}

/** The lines of a text, without the end of the last one. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
