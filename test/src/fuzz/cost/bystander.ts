import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { signToken } from '../../harness/token.js';
import type { BystanderReport } from './bystander-process.js';

const program = fileURLToPath(new URL('./bystander-process.js', import.meta.url));

/** A bystander client in a process of its own. */
export class Bystander implements Disposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'exit').then(() => {
      throw new Error('the bystander ended');
    });
    this.#ended.catch(() => {});
  }

  static async start(server: { url: string; socketUrl: string }): Promise<Bystander> {
    const token = signToken({ uid: 'bystander' });
    const bystander = new Bystander(fork(program, [server.url, server.socketUrl, token]));
    await bystander.#answer();
    return bystander;
  }

  /** What happened to it while `work` was done, to the end of what it asked for after that. */
  async during<T>(work: () => Promise<T>): Promise<{ result: T; seen: BystanderReport }> {
    this.#child.send('begin');
    const result = await work();
    this.#child.send('end');
    return { result, seen: (await this.#answer()) as BystanderReport };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  async #answer(): Promise<unknown> {
    const [answer] = await Promise.race([once(this.#child, 'message'), this.#ended]);
    return answer;
  }
}
