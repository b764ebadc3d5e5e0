import type { ClientPlatform } from './client-platform.js';

/**
 * A clock for ages: it goes on while the device sleeps, as the wall clock does, and never steps back,
 * as the other one does not. In milliseconds from an arbitrary moment.
 */
export class AgeClock {
  readonly #platform: ClientPlatform;
  #wall: number;
  #elapsed: number;
  #age = 0;

  constructor(platform: ClientPlatform) {
    this.#platform = platform;
    this.#wall = platform.now();
    this.#elapsed = platform.elapsed();
  }

  read(): number {
    const [wall, elapsed] = [this.#platform.now(), this.#platform.elapsed()];
    this.#age += Math.max(wall - this.#wall, elapsed - this.#elapsed, 0);
    this.#wall = wall;
    this.#elapsed = elapsed;
    return this.#age;
  }
}
