import type { Clock, Timer, Timers } from '../platform/platform.js';

/** Who pays for what is answered. */
export interface Payer {
  /** When there is room again in what it may cost: a time of the monotonic clock, which may be past. */
  readonly roomAt: number;
  pay(bytes: number): void;
}

export interface AnswerLinesOptions {
  /** Commands of one owner that may be under way at a time. */
  readonly most: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Pick<Timers, 'after'>;
}

interface Waiting {
  readonly payer: Payer;
  readonly start: () => void;
}

/** Of one owner; exists while any of its commands is under way or waits. */
interface Line {
  underWay: number;
  readonly waiting: Waiting[];
  timer: Timer | undefined;
}

/**
 * Commands whose answers may be large, on their way to their start: so many of each owner are under way at a time, since nobody
 * knows beforehand how much an answer will be, and who owes for earlier answers waits until that is paid off.
 */
export class AnswerLines {
  readonly #options: AnswerLinesOptions;
  readonly #lines = new Map<string, Line>();

  constructor(options: AnswerLinesOptions) {
    this.#options = options;
  }

  /** Owners that have something under way or waiting. */
  get size(): number {
    return this.#lines.size;
  }

  /** Starts it, now or later. Whoever was started owes an `ended`. */
  begin(owner: string, payer: Payer, start: () => void): void {
    const line = this.#lines.get(owner) ?? this.#open(owner);
    if (line.waiting.length === 0 && this.#mayStart(line, payer)) {
      line.underWay += 1;
      start();
    } else {
      line.waiting.push({ payer, start });
      this.#proceed(owner, line);
    }
  }

  /** One is answered, and what it costs is paid. */
  ended(owner: string): void {
    const line = this.#lines.get(owner);
    if (!line) return;
    line.underWay -= 1;
    this.#proceed(owner, line);
  }

  #open(owner: string): Line {
    const line: Line = { underWay: 0, waiting: [], timer: undefined };
    this.#lines.set(owner, line);
    return line;
  }

  #mayStart(line: Line, payer: Payer): boolean {
    const { most, clock } = this.#options;
    return line.underWay < most && payer.roomAt <= clock.monotonic();
  }

  #proceed(owner: string, line: Line): void {
    for (let first = line.waiting[0]; first; first = line.waiting[0]) {
      if (!this.#mayStart(line, first.payer)) break;
      line.waiting.shift();
      line.underWay += 1;
      first.start();
    }
    const [first] = line.waiting;
    if (first) this.#await(owner, line, first.payer);
    else if (line.underWay === 0) this.#lines.delete(owner);
  }

  /** Where all places are taken, `ended` leads on. */
  #await(owner: string, line: Line, { roomAt }: Payer): void {
    const { most, clock, timers } = this.#options;
    if (line.timer || line.underWay >= most) return;
    line.timer = timers.after(Math.max(1, roomAt - clock.monotonic()), () => {
      line.timer = undefined;
      this.#proceed(owner, line);
    });
  }
}
