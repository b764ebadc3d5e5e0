import { randomFillSync } from 'node:crypto';
import type { Platform, Timer } from './platform.js';

/** The longest delay of Node's timers; longer ones would fire at once. */
const longest = 2 ** 31 - 1;

/** The clock, timers and randomness of the system. */
export const systemPlatform: Platform = {
  clock: {
    now: () => Date.now(),
    monotonic: () => performance.now(),
  },
  timers: { after, every },
  random: { bytes: randomBytes },
};

function after(ms: number, task: () => void): Timer {
  let rest = Math.max(0, ms);
  let handle: NodeJS.Timeout;
  const arm = () => {
    const step = Math.min(rest, longest);
    rest -= step;
    handle = setTimeout(() => (rest > 0 ? arm() : task()), step);
    handle.unref();
  };
  arm();
  return { cancel: () => clearTimeout(handle) };
}

function every(ms: number, task: () => void): Timer {
  let timer: Timer;
  const arm = () => {
    timer = after(ms, () => {
      // Armed before the task runs, so that a task may cancel its own timer.
      arm();
      task();
    });
  };
  arm();
  return { cancel: () => timer.cancel() };
}

/** A call into OpenSSL costs about as much for 8 bytes as for 4096: small requests share one. */
const pool = Buffer.allocUnsafe(4096);
let used = pool.length;

function randomBytes(size: number): Uint8Array {
  if (size > pool.length / 8) return randomFillSync(new Uint8Array(size));
  if (used + size > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Uint8Array.prototype.slice.call(pool, used, used + size);
  // Bytes handed out do not stay in memory.
  pool.fill(0, used, used + size);
  used += size;
  return bytes;
}
