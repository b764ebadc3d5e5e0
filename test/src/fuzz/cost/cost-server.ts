import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { ServerProcess } from '../../harness/server-process.js';
import { Bystander } from './bystander.js';
import { costApp, fillCostApp } from './cost-app.js';
import { CostAttempt } from './cost-attempt.js';
import { Dials } from './dials.js';
import type { Recipe } from './plan.js';
import { processorTime, residentBytes } from './server-load.js';
import { shapes } from './shapes.js';

/** What a request cost. */
export interface Cost {
  /** How many messages, or requests over HTTP, it consisted of. */
  readonly requests: number;
  readonly bytes: number;
  /** Milliseconds of all processors. */
  readonly processor: number;
  /** The longest wait of a bystander client, in milliseconds. */
  readonly stall: number;
  /** Bytes by which the resident memory grew. */
  readonly memory: number;
  /** Violations of the protocol, or harm to the bystander client. */
  readonly complaints: readonly string[];
}

/** The server under attack, which can be restarted with the same data. */
export class CostServer implements AsyncDisposable {
  readonly #app: AppFolder;
  readonly #filled: AppFolder;
  readonly #most: number;
  #server: ServerProcess | undefined;
  #bystander: Bystander | undefined;
  #number = 0;

  private constructor(app: AppFolder, filled: AppFolder, most: number) {
    this.#app = app;
    this.#filled = filled;
    this.#most = most;
  }

  /** `most`: bytes of a request. */
  static async start(most: number): Promise<CostServer> {
    const filled = await appFolder(costApp);
    await fillCostApp(filled.dir);
    const server = new CostServer(await appFolder(costApp), filled, most);
    await server.renew();
    return server;
  }

  /** Restores the data, in a new process. */
  async renew(): Promise<void> {
    await this.#stop();
    const data = join(this.#app.dir, 'data');
    await rm(data, { recursive: true, force: true });
    await cp(join(this.#filled.dir, 'data'), data, { recursive: true });
    // What one request leaves behind for two minutes is not to be mistaken for what the next one costs.
    const env = { REALLY_LIMITS_RESUMABLE_SESSIONS: '0' };
    this.#server = await ServerProcess.start({ dir: this.#app.dir, env });
    this.#bystander = await Bystander.start(this.#server);
  }

  /** `undefined` where the request is too large. Where the server died or is in a bad way, it is renewed. */
  async costOf(recipe: Recipe): Promise<Cost | undefined> {
    try {
      return await this.#measure(recipe);
    } catch (error) {
      const complaint = `the server does not serve any more: ${(error as Error).message}`;
      await this.renew();
      return { requests: 1, bytes: 1, processor: 0, stall: 0, memory: 0, complaints: [complaint] };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await this.#app[Symbol.asyncDispose]();
    await this.#filled[Symbol.asyncDispose]();
  }

  async #measure({ shape, settings }: Recipe): Promise<Cost | undefined> {
    const [server, bystander] = [this.#server, this.#bystander];
    const make = shapes[shape];
    if (!server || !bystander || !make) throw new Error(`no server, or no shape ${shape}`);
    const plan = make(new Dials(settings));
    this.#number += 1;
    const options = { uid: `fuzzer-${this.#number}`, plan, most: this.#most };
    using attempt = await CostAttempt.prepare(server, options);
    if (!attempt) return undefined;
    const processor = processorTime(server.pid);
    const memory = residentBytes(server.pid);
    const { result, seen } = await bystander.during(() => attempt.run());
    return {
      requests: attempt.requests,
      bytes: result.bytes,
      processor: processorTime(server.pid) - processor,
      stall: seen.longest,
      memory: Math.max(0, residentBytes(server.pid) - memory),
      complaints: [...result.complaints, ...seen.failures.map((one) => `the innocent: ${one}`)],
    };
  }

  async #stop(): Promise<void> {
    this.#bystander?.[Symbol.dispose]();
    await this.#server?.kill();
  }
}
