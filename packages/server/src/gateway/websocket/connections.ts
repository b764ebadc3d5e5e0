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

/** Milliseconds between checks whether everything is done. */
const pollInterval = 5;

/**
 * Fractions of the shutdown time at which queued messages, commands in flight and pushes are given
 * up. The rest is for closing, since a socket that is cut off never receives 1001.
 */
const shares = { backlog: 0.3, inFlight: 0.55, pushes: 0.65 };

/** All connections of a gateway, and their shutdown. */
export class Connections {
  readonly #platform: Platform;
  readonly #egress: Egress;
  readonly #settle: (() => Promise<void>) | undefined;
  readonly #all = new Set<OpenConnection>();

  /** `settle`: resolves when all commits are pushed. */
  constructor(platform: Platform, egress: Egress, settle?: () => Promise<void>) {
    this.#platform = platform;
    this.#egress = egress;
    this.#settle = settle;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Output bytes waiting for slow connections. */
  get waitingBytes(): number {
    let bytes = 0;
    if (this.#egress.congested === 0) return bytes;
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
    const begun = this.#platform.clock.monotonic();
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
    await this.#withTime(after(shares.pushes), this.#settle?.() ?? Promise.resolve());
    this.#egress.flush();
    for (const connection of [...this.#all]) connection.close(closeCodes.goingAway);
    await this.#until(deadline, () => this.#all.size === 0);
    for (const connection of [...this.#all]) connection.terminate();
  }

  async #until(deadline: number, done: () => boolean): Promise<void> {
    const { clock, timers } = this.#platform;
    while (!done() && clock.monotonic() < deadline) {
      await new Promise<void>((resolve) => {
        timers.after(pollInterval, resolve);
      });
    }
  }

  async #withTime(deadline: number, work: Promise<void>): Promise<void> {
    const { clock, timers } = this.#platform;
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
