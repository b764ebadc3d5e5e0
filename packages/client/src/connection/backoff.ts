import type { ClientPlatform } from '../client-platform.js';

/** Milliseconds before the first attempt to reconnect, and before any later one at most. */
const first = 250;
const longest = 20_000;

/**
 * How long to wait before the next attempt: twice as long each time, and between half of that and all
 * of it by chance, so that clients that lost their server together do not come back together.
 */
export function backoff(attempt: number, random: number): number {
  return Math.min(longest, first * 2 ** Math.min(attempt, 30)) * (0.5 + random / 2);
}

/** Milliseconds until what the server refused for the moment is asked for again. */
export function retryDelay(platform: ClientPlatform, retryAfter = 1): number {
  return retryAfter * 1000 * (1 + platform.random() / 4);
}
