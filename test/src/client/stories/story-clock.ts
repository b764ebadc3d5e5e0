import type { ClientPlatform } from '../really-client.js';

interface StoryTimer {
  /** On `elapsed`. */
  readonly at: number;
  readonly run: () => void;
  readonly cancel: () => void;
}

/** The clock of one client: runs as the real one does, and jumps ahead where a story says so. */
export class StoryClock {
  readonly #timers = new Set<StoryTimer>();
  #ahead = 0;

  readonly platform: Partial<ClientPlatform> = {
    now: () => Date.now() + this.#ahead,
    elapsed: () => this.#elapsed(),
    setTimer: (milliseconds, run) => this.#setTimer(Math.max(0, milliseconds), run),
    onWake: () => () => {},
  };

  get now(): number {
    return Date.now() + this.#ahead;
  }

  /** Runs what is due in this time, in order, and what that makes due. */
  jump(milliseconds: number): void {
    const end = this.#elapsed() + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#ahead += Math.max(0, next.at - this.#elapsed());
      next.cancel();
      next.run();
    }
    this.#ahead += Math.max(0, end - this.#elapsed());
  }

  #elapsed(): number {
    return performance.now() + this.#ahead;
  }

  #setTimer(milliseconds: number, run: () => void): () => void {
    const real = setTimeout(
      () => {
        timer.cancel();
        run();
      },
      Math.min(milliseconds, 2 ** 30),
    );
    const timer: StoryTimer = {
      at: this.#elapsed() + milliseconds,
      run,
      cancel: () => {
        clearTimeout(real);
        this.#timers.delete(timer);
      },
    };
    this.#timers.add(timer);
    return timer.cancel;
  }
}
