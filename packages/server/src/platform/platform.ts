/**
 * The port to everything that is not repeatable: time, timers, randomness.
 * Nothing outside `platform/` calls `Date.now()`, `setTimeout` or `Math.random()`, so that a whole
 * server can run under a simulated clock in a test.
 */
export interface Platform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

export interface Clock {
  /** Wall time, milliseconds since the Unix epoch. May step back. */
  now(): number;
  /** Milliseconds from some fixed point; never steps back. For durations. */
  monotonic(): number;
}

export interface Timers {
  /** Calls `task` once, after `ms` milliseconds (any size: delays beyond 2^31 ms are honoured). Does not keep the process alive. */
  after(ms: number, task: () => void): Timer;
  /** Calls `task` every `ms` milliseconds until cancelled. Does not keep the process alive. */
  every(ms: number, task: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  /** `size` bytes from a cryptographically strong source. */
  bytes(size: number): Uint8Array;
}
