import { expect, test } from 'vitest';
import { OutputPace } from './output-pace.js';

/** A socket with one large write, of which `take` reads a part. */
function pacedSocket(size: number) {
  const socket = {
    bytesWritten: size,
    writableLength: size,
    _handle: { writeQueueSize: size },
    take(bytes: number) {
      socket._handle.writeQueueSize -= bytes;
      if (socket._handle.writeQueueSize === 0) socket.writableLength = 0;
    },
  };
  return socket;
}

test('[LIM33] a client that reads nothing is too slow after the timeout', () => {
  const pace = new OutputPace(pacedSocket(1_000_000), 1000);
  expect([0, 500, 999, 1000].map((now) => pace.isTooSlow(now))).toEqual([
    ...[false, false, false, true],
  ]);
});

test('[LIM33] a client that reads 64 KiB in time gets the same time for the next', () => {
  const socket = pacedSocket(1_000_000);
  const pace = new OutputPace(socket, 1000);
  expect(pace.isTooSlow(0)).toBe(false);
  socket.take(40_000);
  expect(pace.isTooSlow(500)).toBe(false);
  socket.take(30_000);
  expect(pace.isTooSlow(900)).toBe(false);
  socket.take(60_000);
  expect(pace.isTooSlow(1800)).toBe(false);
  expect(pace.isTooSlow(1900)).toBe(true);
});

test('[LIM33] a client that has read everything is never too slow', () => {
  const socket = pacedSocket(100);
  const pace = new OutputPace(socket, 1000);
  pace.isTooSlow(0);
  socket.take(100);
  expect(pace.isTooSlow(5000)).toBe(false);
  socket.bytesWritten = 200;
  socket.writableLength = 100;
  expect(pace.isTooSlow(9000)).toBe(false);
  expect(pace.isTooSlow(10_000)).toBe(true);
});
