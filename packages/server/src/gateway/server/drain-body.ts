import type { IncomingMessage } from 'node:http';
import type { Platform } from '../../platform/platform.js';

/** Milliseconds. */
const drainTimeout = 3000;

/**
 * Reads and drops the rest of an unwanted body: a client that is still sending when its connection
 * closes never sees the response. Resolves after at most 3 s, with whether the end was reached.
 */
export function drainBody(request: IncomingMessage, { timers }: Platform): Promise<boolean> {
  if (request.readableEnded || request.complete) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = timers.after(drainTimeout, () => resolve(false));
    const done = (ended: boolean) => () => {
      timer.cancel();
      resolve(ended);
    };
    request.once('end', done(true));
    request.once('close', done(false));
    request.unpipe();
    request.resume();
  });
}
