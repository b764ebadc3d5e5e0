import { expect } from 'vitest';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { storyApp } from './story-app.js';

/** Once-ids that the server remembers of a uid; more than a story has writes. */
const rememberedIds = 400;

const env = {
  REALLY_RATE_COMMANDS: '0',
  REALLY_RATE_ADDRESS: '0',
  REALLY_LIMITS_ONCE: String(rememberedIds),
};
const reloaded = 'the models were loaded again';

/** The server of all stories, which they kill, start again and give other models. */
export class StoryServer implements AsyncDisposable {
  readonly #folder: AppFolder;
  #process: ServerProcess | undefined;
  #raw: Promise<Client> | undefined;
  #version = 1;

  private constructor(folder: AppFolder, process: ServerProcess) {
    this.#folder = folder;
    this.#process = process;
  }

  static async start(): Promise<StoryServer> {
    const folder = await appFolder(storyApp(1));
    return new StoryServer(folder, await ServerProcess.start({ dir: folder.dir, env }));
  }

  /** `undefined` while it is killed. */
  get url(): string | undefined {
    return this.#process?.url;
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
    this.#raw = undefined;
  }

  async restart(): Promise<void> {
    this.#process ??= await ServerProcess.start({ dir: this.#folder.dir, env });
  }

  /** The next version of the models, in force when this resolves. */
  async reload(): Promise<void> {
    const server = this.#process;
    if (!server) return;
    this.#version += 1;
    await this.#folder.write(storyApp(this.#version));
    const count = () => server.output.stdout.split(reloaded).length;
    const before = count();
    process.kill(server.pid, 'SIGHUP');
    await expect.poll(count).toBeGreaterThan(before);
  }

  /** A connection of its own, to see what is there. Only while the server runs. */
  raw(): Promise<Client> {
    const token = signToken({ uid: 'oracle' }, testSecret);
    this.#raw ??= Client.connect(this.#process?.socketUrl ?? '', token);
    return this.#raw;
  }

  /** Makes it forget every once-id of a uid that it has by now. `r`: an object to write to. */
  async forgetOnceIds(uid: string, r: string): Promise<void> {
    using client = await Client.connect(
      this.#process?.socketUrl ?? '',
      signToken({ uid }, testSecret),
    );
    const ops = [{ op: 'set', key: 'name', value: 'x' }];
    const answers = Array.from({ length: rememberedIds + 10 }, (_, n) =>
      client.request({
        cmd: 'update',
        r,
        rev: 1 + n,
        body: { ops },
        cmdOpts: { once: `${r}-${uid}-${n}` },
      }),
    );
    await Promise.all(answers);
  }

  /** The session that was opened with this token ends at once. */
  async revoke(token: string): Promise<void> {
    await fetch(`${this.url}/auth/tokens/revoke`, {
      method: 'POST',
      headers: { 'X-Really-Secret': testSecret, 'Content-Type': 'application/json' },
      body: JSON.stringify({ token }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#folder[Symbol.asyncDispose]();
  }
}
