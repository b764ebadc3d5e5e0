import { expect } from 'vitest';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { type Database, openDatabase } from './commit-log.js';
import { type KindName, kindFiles, membershipApp, type Rules } from './membership-kinds.js';
import type { StoryPlace } from './membership-world.js';

const env = {
  REALLY_RATE_COMMANDS: '0',
  REALLY_RATE_ADDRESS: '0',
  REALLY_LIMITS_QUERIES_AT_ONCE: '64',
};
const reloaded = 'the models were loaded again';
const plants = new URL('./planted-faults.js', import.meta.url).href;

/** A server for stories of memberships, as it is or with a fault planted. */
export class MembershipServer implements StoryPlace, AsyncDisposable {
  readonly #folder: AppFolder;
  readonly #process: ServerProcess;
  readonly writers: Client[] = [];
  readonly database: Database;
  readonly patience: number;

  private constructor(folder: AppFolder, process: ServerProcess, patience: number) {
    this.#folder = folder;
    this.#process = process;
    this.database = openDatabase(`${folder.dir}/data/really.db`);
    this.patience = patience;
  }

  static async start(patience: number, planted?: string): Promise<MembershipServer> {
    const folder = await appFolder(membershipApp);
    const faulty = { nodeArgs: ['--import', plants], env: { ...env, PLANTED: planted ?? '' } };
    const options = planted === undefined ? { env } : faulty;
    const process = await ServerProcess.start({ dir: folder.dir, ...options });
    const server = new MembershipServer(folder, process, patience);
    for (const uid of ['w0', 'w1', 'w2']) {
      const token = signToken({ uid, data: { writer: true } });
      server.writers.push(await Client.connect(process.socketUrl, token));
    }
    return server;
  }

  get url(): string {
    return this.#process.url;
  }

  get socketUrl(): string {
    return this.#process.socketUrl;
  }

  async load(model: KindName, rules: Rules): Promise<void> {
    await this.#folder.write(kindFiles(model, rules));
    const count = () => this.#process.output.stdout.split(reloaded).length;
    const before = count();
    process.kill(this.#process.pid, 'SIGHUP');
    await expect.poll(count).toBeGreaterThan(before);
  }

  async cascaded(): Promise<void> {
    const pending = async () => {
      const text = await (await fetch(`${this.url}/metrics`)).text();
      return Number(/^really_cascades_pending (\d+)/m.exec(text)?.[1]);
    };
    await expect.poll(pending).toBe(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const writer of this.writers) writer.socket.terminate();
    this.database.close();
    await this.#process.kill();
    await this.#folder[Symbol.asyncDispose]();
  }
}
