import type { Platform, Timer } from './platform.js';

export interface SimulatedPlatform extends Platform {
  /**
   * Lets `ms` milliseconds pass: due timers run in the order of their time, including those set
   * meanwhile.
   */
  advance(ms: number): void;
  /** Moves only the wall clock, back or forth, as a correction of the clock does. */
  stepClock(ms: number): void;
  /** Pending timers. */
  readonly pending: number;
}

export interface SimulatedOptions {
  readonly seed: number;
  /** Wall time at the start, milliseconds since the Unix epoch. */
  readonly now?: number | undefined;
}

interface Task {
  at: number;
  readonly every: number | undefined;
  readonly run: () => void;
}

/** A platform on which time passes only when a test says so, and random bytes depend on a seed. */
export function simulatedPlatform(options: SimulatedOptions): SimulatedPlatform {
  const tasks = new Set<Task>();
  const next = generator(options.seed);
  let elapsed = 0;
  let offset = options.now ?? Date.UTC(2024, 0, 1);

  const schedule = (ms: number, every: number | undefined, run: () => void): Timer => {
    const task: Task = { at: elapsed + Math.max(0, ms), every, run };
    tasks.add(task);
    return { cancel: () => void tasks.delete(task) };
  };

  const runDue = (until: number) => {
    for (let task = earliest(tasks, until); task; task = earliest(tasks, until)) {
      elapsed = Math.max(elapsed, task.at);
      if (task.every === undefined) tasks.delete(task);
      else task.at += Math.max(1, task.every);
      task.run();
    }
  };

  return {
    clock: { now: () => offset + elapsed, monotonic: () => elapsed },
    timers: {
      after: (ms, task) => schedule(ms, undefined, task),
      every: (ms, task) => schedule(ms, ms, task),
    },
    random: { bytes: (size) => Uint8Array.from({ length: size }, () => next() >>> 24) },
    advance(ms) {
      const until = elapsed + ms;
      runDue(until);
      elapsed = until;
    },
    stepClock(ms) {
      offset += ms;
    },
    get pending() {
      return tasks.size;
    },
  };
}

/** Of several at one time, the one that was set first. */
function earliest(tasks: ReadonlySet<Task>, until: number): Task | undefined {
  let first: Task | undefined;
  for (const task of tasks) {
    if (task.at <= until && (!first || task.at < first.at)) first = task;
  }
  return first;
}

/** mulberry32: 32 bits per call, reproducible by seed. Not for secrets. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
