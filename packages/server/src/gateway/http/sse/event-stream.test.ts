import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { simulatedPlatform } from '../../../platform/simulated.js';
import { EventStream } from './event-stream.js';

test('[LIM35] a stream ends when its token is revoked, and is cut off if its end is not read', () => {
  const calls: string[] = [];
  const { timers, advance } = simulatedPlatform({ seed: 1 });
  // A response whose client reads nothing: it never closes by itself.
  const response = Object.assign(new EventEmitter(), {
    writableLength: 500_000,
    socket: null,
    write: (text: string) => calls.push(text.split('\n')[0] ?? ''),
    end: () => calls.push('end'),
    destroy: () => calls.push('destroyed'),
  });
  const stream = new EventStream({
    auth: { uid: 'u' },
    response: response as unknown as ServerResponse,
    limit: 1_000_000,
    roomOutput: 65_536,
    timers,
    onEnd: () => calls.push('over'),
    charge() {},
  });
  stream.begin({ pos: undefined, view: undefined });
  stream.onRevoked();
  expect(calls).toEqual([': ', 'event: token-expired', 'end', 'over']);
  stream.comment();
  advance(1999);
  expect(calls.length).toBe(4);
  advance(1);
  expect(calls.at(-1)).toBe('destroyed');
});
