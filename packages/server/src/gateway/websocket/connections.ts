import { closeCodes } from '@really/protocol';
import type { Platform } from '../../platform/platform.js';
import type { Egress } from './egress.js';

/** A connection, as far as all of them are counted and shut down. */
export interface OpenConnection {
  readonly open: boolean;
  readonly idle: boolean;
  readonly congested: boolean;
  readonly waitingBytes: number;
  finish(): void;
  dropBacklog(): void;
  close(code: number): void;
  terminate(): void;
}

export interface ConnectionsOptions {
  readonly platform: Platform;
  readonly egress: Egress;
  /** Resolves when all commits are pushed. */
  readonly settle?: (() => Promise<void>) | undefined;
}

/** Milliseconds between checks whether everything is done. */
const pollInterval = 5;

/**
 * Fractions of the shutdown time at which queued messages, commands in flight and pushes are given
 * up. The rest is for closing, since a socket that is cut off never receives 1001.
 */
const shares = { backlog: 0.3, inFlight: 0.55, pushes: 0.65 };

/** All connections of a gateway, and their shutdown. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #all = new Set<OpenConnection>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Output bytes waiting for slow connections. */
  get waitingBytes(): number {
    let bytes = 0;
    if (this.#options.egress.congested === 0) return bytes;
    for (const connection of this.#all) if (connection.congested) bytes += connection.waitingBytes;
    return bytes;
  }

  add(connection: OpenConnection): void {
    this.#all.add(connection);
  }

  delete(connection: OpenConnection): void {
    this.#all.delete(connection);
  }

  /**
   * Rule SES12: finishes commands in flight, sends pushes and closes each client with 1001. Cuts
   * off the rest at `deadline` (monotonic clock).
   */
  async shutDown(deadline: number): Promise<void> {
    const begun = this.#options.platform.clock.monotonic();
    const after = (share: number) => begun + share * (deadline - begun);
    for (const connection of this.#all) connection.finish();
    let busy = [...this.#all];
    const idle = () => {
      busy = busy.filter((connection) => connection.open && !connection.idle);
      return busy.length === 0;
    };
    await this.#until(after(shares.backlog), idle);
    for (const connection of busy) connection.dropBacklog();
    await this.#until(after(shares.inFlight), idle);
    await this.#withTime(after(shares.pushes), this.#options.settle?.() ?? Promise.resolve());
    this.#options.egress.flush();
    for (const connection of [...this.#all]) connection.close(closeCodes.goingAway);
    await this.#until(deadline, () => this.#all.size === 0);
    for (const connection of [...this.#all]) connection.terminate();
  }

  async #until(deadline: number, done: () => boolean): Promise<void> {
    const { clock, timers } = this.#options.platform;
    while (!done() && clock.monotonic() < deadline) {
      await new Promise<void>((resolve) => {
        timers.after(pollInterval, resolve);
      });
    }
  }

  async #withTime(deadline: number, work: Promise<void>): Promise<void> {
    const { clock, timers } = this.#options.platform;
    await new Promise<void>((resolve) => {
      const late = timers.after(Math.max(0, deadline - clock.monotonic()), resolve);
      const end = () => {
        late.cancel();
        resolve();
      };
      work.then(end, end);
    });
  }
}
