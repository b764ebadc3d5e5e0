import type { ClientPlatform } from '../client-platform.js';

const interval = 2_000;
/** A clock that is this much further than its timers was stopped, or set. */
const jump = 5_000;

/**
 * Calls `wake` when the device may have been asleep or away: on events of the page, and where the
 * clock jumped. Returns what stops it.
 */
export function watchWake(platform: ClientPlatform, wake: () => void): () => void {
  let cancelTimer = () => {};
  let expected = 0;
  const tick = () => {
    expected = platform.now() + interval;
    cancelTimer = platform.setTimer(interval, () => {
      const isJump = Math.abs(platform.now() - expected) > jump;
      tick();
      if (isJump) wake();
    });
  };
  tick();
  const stopEvents = platform.onWake(wake);
  return () => {
    cancelTimer();
    stopEvents();
  };
}
