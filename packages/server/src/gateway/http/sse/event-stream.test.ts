import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { simulatedPlatform } from '../../../platform/simulated.js';
import { EventStream } from './event-stream.js';

test('[LIM35] a stream whose token is revoked is over at once, and cut off where nobody reads its end', () => {
  const told: string[] = [];
  const { timers, advance } = simulatedPlatform({ seed: 1 });
  // One whose client reads nothing: it never closes by itself.
  const response = Object.assign(new EventEmitter(), {
    writableLength: 500_000,
    socket: null,
    write: (text: string) => told.push(text.split('\n')[0] ?? ''),
    end: () => told.push('end'),
    destroy: () => told.push('destroyed'),
  });
  const stream = new EventStream({
    auth: { uid: 'u' },
    response: response as unknown as ServerResponse,
    limit: 1_000_000,
    timers,
    onEnd: () => told.push('over'),
    onDrain() {},
  });
  stream.begin({ pos: undefined, view: undefined });
  stream.onRevoked();
  expect(told).toEqual([': ', 'event: token-expired', 'end', 'over']);
  stream.comment();
  advance(1999);
  expect(told.length).toBe(4);
  advance(1);
  expect(told.at(-1)).toBe('destroyed');
});
