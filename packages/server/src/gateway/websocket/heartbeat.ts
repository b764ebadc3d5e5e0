import type { Socket } from 'node:net';
import type { AppDeps } from '../app-deps.js';
import { OutputProgress } from '../limits/output-pace.js';

export interface HeartbeatClient {
  /** The socket is not read, for another reason than that the client reads too slowly. */
  readonly isLeftUnread: boolean;
  ping(): void;
  terminate(): void;
}

/** Milliseconds between pings, and how many may stay without an answer. */
const pingInterval = 15_000;
const missedPings = 2;

/** Ticks until the system's input buffers were read: of about 50,000 sockets in each. */
const ticksToRead = 3;

/** Calls back when what the system has received was read, also after the process was blocked. */
export function onceRead(then: () => void, ticks = ticksToRead): void {
  setImmediate(() => {
    if (ticks > 1) onceRead(then, ticks - 1);
    else then();
  });
}

type HeartbeatDeps = Pick<AppDeps, 'lifeTimers' | 'platform'>;

/** Pings a client until `end`, and cuts it off if it answered none of the last pings. Rule PRS9. */
export class Heartbeat {
  readonly #deps: HeartbeatDeps;
  readonly #client: HeartbeatClient;
  readonly #progress: OutputProgress;
  #missed = 0;
  /** Since the last ping. */
  #isHeard = true;
  #isEnded = false;

  constructor(deps: HeartbeatDeps, client: HeartbeatClient, socket: Socket) {
    this.#deps = deps;
    this.#client = client;
    this.#progress = new OutputProgress(socket);
    this.#setTimer();
  }

  heard(): void {
    this.#isHeard = true;
  }

  end(): void {
    this.#isEnded = true;
    this.#deps.lifeTimers.clear(this);
  }

  checkLife(): void {
    if (this.#isReading() || this.#client.isLeftUnread) this.#isHeard = true;
    this.#missed = this.#isHeard ? 0 : this.#missed + 1;
    if (this.#missed >= missedPings) {
      onceRead(() => this.#cutOffIfSilent());
      return;
    }
    this.#isHeard = false;
    this.#client.ping();
    this.#setTimer();
  }

  #setTimer(): void {
    const { lifeTimers, platform } = this.#deps;
    lifeTimers.set(this, platform.clock.monotonic() + pingInterval);
  }

  /** A ping is answered only when what waits before it is read: so a client that reads is alive. */
  #isReading(): boolean {
    const wasBlocked = this.#progress.isBlocked;
    return this.#progress.take() > 0 && wasBlocked;
  }

  #cutOffIfSilent(): void {
    if (this.#isEnded) return;
    if (this.#isHeard) this.checkLife();
    else this.#client.terminate();
  }
}
