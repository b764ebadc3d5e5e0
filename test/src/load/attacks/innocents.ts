import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { signToken } from '../../harness/token.js';

const program = fileURLToPath(new URL('./innocent.js', import.meta.url));

/** Times in milliseconds. */
export interface Figures {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** What went wrong, each once. */
  readonly failures: readonly string[];
}

interface Sample {
  readonly took: number;
  readonly failure?: string | undefined;
}

/** Two bystander clients in a process of their own: their response times show what an attack costs others. */
export class Innocents implements Disposable {
  readonly #child: ChildProcess;
  /** Rejects when the process has ended. */
  readonly #ended: Promise<never>;
  #samples: Sample[] = [];
  #wake: (() => void)[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'exit').then(() => {
      throw new Error('the innocent clients ended');
    });
    this.#ended.catch(() => {});
    createInterface({ input: outputOf(child) }).on('line', (line) => {
      this.#samples.push(...(JSON.parse(line) as Sample[]));
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  /** Resolves once they have done their first things. */
  static async start(server: { url: string; socketUrl: string }): Promise<Innocents> {
    const tokens = [0, 1].map((index) => signToken({ uid: `innocent-${index}` }));
    const child = spawn(process.execPath, [program, server.url, server.socketUrl, ...tokens], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const innocents = new Innocents(child);
    await innocents.#next();
    return innocents;
  }

  /** What happens from now on until `work` is done, and at least this many milliseconds. */
  async during(
    work: () => Promise<void>,
    atLeast = 0,
  ): Promise<{ figures: Figures; worked: number }> {
    await this.#next();
    this.#samples = [];
    const begun = performance.now();
    await Promise.all([work(), new Promise((resolve) => setTimeout(resolve, atLeast))]);
    const worked = performance.now() - begun;
    // What was asked last is answered, too.
    for (let more = 0; more < 2; more++) await this.#next();
    return { figures: figuresOf(this.#samples), worked };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  /** Resolves with the next things that they did. */
  async #next(): Promise<void> {
    const done = new Promise<void>((resolve) => this.#wake.push(resolve));
    await Promise.race([done, this.#ended]);
  }
}

function outputOf({ stdout }: ChildProcess): Readable {
  if (!stdout) throw new Error('the program has no output');
  return stdout;
}

function figuresOf(samples: readonly Sample[]): Figures {
  const times = samples.map(({ took }) => took).toSorted((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  const failures = new Set(samples.flatMap(({ failure }) => failure ?? []));
  return {
    count: times.length,
    p50: at(0.5),
    p99: at(0.99),
    longest: times.at(-1) ?? 0,
    failures: [...failures],
  };
}
