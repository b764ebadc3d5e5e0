import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../../packages/server/bin/really.js', import.meta.url));

export interface ServerOptions {
  /** The app's folder; the program runs in it. */
  readonly dir: string;
  readonly command?: 'dev' | 'start' | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Of Node.js itself. */
  readonly nodeArgs?: readonly string[] | undefined;
  /** Milliseconds until the ready line must have come. */
  readonly patience?: number | undefined;
}

/** The secret that `start` runs with in tests. */
export const testSecret = 'a-secret-for-tests-which-is-long-enough-0123456789';

/** A real server in a process of its own, to talk to, to stop and to kill. */
export class ServerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  readonly #output: { stdout: string; stderr: string };
  /** `http://127.0.0.1:54321` */
  readonly url: string;
  /** Milliseconds from spawn to the ready line. */
  readonly startedIn: number;

  private constructor(
    child: ChildProcess,
    exited: Promise<number | null>,
    output: { stdout: string; stderr: string },
    started: { url: string; after: number },
  ) {
    this.#child = child;
    this.#exited = exited;
    this.#output = output;
    this.url = started.url;
    this.startedIn = started.after;
  }

  static async start(options: ServerOptions): Promise<ServerProcess> {
    const command = options.command ?? 'start';
    const begun = performance.now();
    const child = spawn(
      process.execPath,
      [
        ...(options.nodeArgs ?? []),
        ...[program, command, '--port', '0', '--host', '127.0.0.1'],
        ...(options.args ?? []),
      ],
      {
        cwd: options.dir,
        env: { ...cleanEnvironment(), REALLY_SECRET: testSecret, ...options.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const output = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output.stdout = keepTail(output.stdout + text);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output.stderr = keepTail(output.stderr + text);
    });
    // Not before all that it wrote has been read.
    const exited = once(child, 'close').then(([code]) => code as number | null);
    const url = await readyUrl(child, exited, output, options.patience ?? 240_000);
    return new ServerProcess(child, exited, output, { url, after: performance.now() - begun });
  }

  get socketUrl(): string {
    return `${this.url.replace(/^http/, 'ws')}/v0.1/socket`;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** What it wrote: the last 256 kB of each stream. */
  get output(): { readonly stdout: string; readonly stderr: string } {
    return this.#output;
  }

  /** Resolves with the exit code, null after a signal. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** Pulls the plug. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Asks it to stop, and waits until it did. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal);
    return await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** The environment of this process without what would configure a server. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  for (const name of Object.keys(environment)) {
    if (name.startsWith('REALLY_')) delete environment[name];
  }
  return environment;
}

function keepTail(text: string): string {
  return text.length > 262_144 ? text.slice(-131_072) : text;
}

function readyUrl(
  child: ChildProcess,
  exited: Promise<number | null>,
  output: { stdout: string; stderr: string },
  patience: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${why}\n${output.stdout}\n${output.stderr}`));
    };
    const timer = setTimeout(() => fail(`not ready after ${patience} ms`), patience);
    child.stdout?.on('data', () => {
      const url = /https?:\/\/[\w.[\]:-]+:\d+/.exec(output.stdout)?.[0];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
    void exited.then((code) => fail(`the server ended with ${code} before it was ready`));
  });
}
