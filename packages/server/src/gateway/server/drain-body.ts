import type { IncomingMessage } from 'node:http';
import type { Platform } from '../../platform/platform.js';

/** Milliseconds. */
const patience = 3000;

/**
 * Reads and drops the rest of a body that is not wanted: a client that still writes when its connection is
 * closed never sees the answer. Resolves with whether the end was reached, after 3 s at most.
 */
export function drainBody(request: IncomingMessage, { timers }: Platform): Promise<boolean> {
  if (request.readableEnded || request.complete) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = timers.after(patience, () => resolve(false));
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
