import { connect, createServer, type Server, type Socket } from 'node:net';

/** A network between clients and a server that fails as a test wants it. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;
  #mode: 'open' | 'closed' | 'silent' | 'deaf' | 'mute' | 'held' = 'open';
  /** Some of what was sent is lost: no connection goes on after that. */
  #hasLost = false;
  /** What `hold` keeps back, in order. */
  readonly #held: (() => void)[] = [];

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  /** `target`: the URL of the server. */
  static async to(target: string): Promise<CuttingProxy> {
    const server = createServer((near) => proxy.#join(near));
    const proxy = new CuttingProxy(server, Number(new URL(target).port));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    return `ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  /** The server is at another port now. */
  retarget(target: string): void {
    this.#target = Number(new URL(target).port);
  }

  /** Ends every connection. New ones are let through. */
  cut(): void {
    this.#held.length = 0;
    this.#hasLost = false;
    for (const socket of this.#sockets) socket.destroy();
    this.#mode = 'open';
  }

  /** Ends what hinders: what is held comes now, and connections that have lost something end. */
  heal(): void {
    if (this.#mode === 'held' && !this.#hasLost) {
      for (const pass of this.#held.splice(0)) pass();
      this.#mode = 'open';
    } else if (this.#mode !== 'open') {
      this.cut();
    }
  }

  /** Ends every connection, and lets none through until `cut`. */
  close(): void {
    this.cut();
    this.#mode = 'closed';
  }

  /** Nothing comes through any more, in either direction, and nobody notices. */
  silence(): void {
    this.#mode = 'silent';
  }

  /** What clients send arrives, and nothing comes back. */
  deafen(): void {
    this.#mode = 'deaf';
  }

  /** What the server sends arrives, and what clients send does not. */
  mute(): void {
    this.#mode = 'mute';
  }

  /** Everything is late: it comes once the network is healed. */
  hold(): void {
    this.#mode = 'held';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    if (this.#mode === 'closed') {
      near.destroy();
      return;
    }
    const far = connect(this.#target, '127.0.0.1');
    near.on('data', (data) => {
      if (this.#mode === 'held') this.#held.push(() => far.write(data));
      else if (this.#mode === 'open' || this.#mode === 'deaf') far.write(data);
      else this.#hasLost = true;
    });
    far.on('data', (data) => {
      if (this.#mode === 'held') this.#held.push(() => near.write(data));
      else if (this.#mode === 'open' || this.#mode === 'mute') near.write(data);
      else this.#hasLost = true;
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
