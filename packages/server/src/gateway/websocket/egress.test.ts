import { expect, test } from 'vitest';
import { Egress } from './egress.js';
import { SocketWriter } from './socket-writer.js';

/** A socket whose kernel takes `capacity` bytes, and nothing more until `drain`. */
function fakeSocket(capacity = Number.POSITIVE_INFINITY) {
  const writes: Buffer[] = [];
  const pending: { bytes: Buffer; done: (() => void) | undefined }[] = [];
  const socket = {
    writes,
    writable: true,
    corks: 0,
    free: capacity,
    get bytesWritten() {
      return writes.reduce((sum, { length }) => sum + length, 0);
    },
    get writableLength() {
      return pending.reduce((sum, { bytes }) => sum + bytes.length, 0);
    },
    write(bytes: Buffer, done?: () => void) {
      writes.push(bytes);
      pending.push({ bytes, done });
      socket.drain(0);
      return true;
    },
    drain(more: number) {
      socket.free += more;
      while (pending[0] && pending[0].bytes.length <= socket.free) {
        const [taken] = pending.splice(0, 1);
        socket.free -= taken?.bytes.length ?? 0;
        taken?.done?.();
      }
    },
    cork() {
      socket.corks++;
    },
    uncork() {
      socket.corks--;
    },
  };
  return socket;
}

function setUp(limit = 100) {
  const scheduled: (() => void)[] = [];
  const wrote: number[][] = [];
  const egress = new Egress({
    limit,
    metrics: { wrote: (...counts) => wrote.push(counts) },
    total: { record() {}, release() {} },
    schedule: (flush) => scheduled.push(flush),
  });
  const open = (capacity?: number, address = '192.0.2.1', before?: Buffer) => {
    const socket = fakeSocket(capacity);
    if (before) socket.write(before);
    const events: string[] = [];
    const writer = new SocketWriter(egress, socket, {
      address,
      giveUp: () => events.push('given up'),
      onDrain: () => events.push('drained'),
    });
    return { socket, writer, events };
  };
  const tick = () => {
    for (const flush of scheduled.splice(0)) flush();
  };
  return { egress, scheduled, wrote, open, tick };
}

const frame = (text: string) => Buffer.from(text);

test('[PSH9] what a socket gets in one tick is sent in order with one write', () => {
  const { open, tick, scheduled, wrote } = setUp();
  const { socket, writer } = open();
  for (const text of ['a', 'bc', 'd']) writer.send(frame(text));
  expect(socket.writes).toEqual([]);
  expect(scheduled.length).toBe(1);
  tick();
  expect(socket.writes.map(String)).toEqual(['abcd']);
  writer.send(frame('e'));
  tick();
  expect(socket.writes.map(String)).toEqual(['abcd', 'e']);
  expect(wrote).toEqual([
    [1, 3, 4],
    [1, 1, 1],
  ]);
});

test('[PSH9] sockets with the same frames share one buffer, others do not', () => {
  const { open, tick } = setUp();
  const [first, second, third] = [open(), open(), open()];
  const frames = [frame('first'), frame('second')];
  for (const { writer } of [first, second, third]) for (const each of frames) writer.send(each);
  third.writer.send(frame('third'));
  tick();
  expect(second.socket.writes[0]).toBe(first.socket.writes[0]);
  expect(third.socket.writes.map(String)).toEqual(['firstsecondthird']);
});

test('[PSH9] a single frame is not copied', () => {
  const { open, tick } = setUp();
  const [first, second] = [open(), open()];
  const shared = frame('shared');
  first.writer.send(shared);
  second.writer.send(shared);
  tick();
  expect(first.socket.writes[0]).toBe(shared);
  expect(second.socket.writes[0]).toBe(shared);
});

test('[PSH9] frames that are large together are sent without copying, still in one go', () => {
  const { open, tick } = setUp(1e9);
  const { socket, writer } = open();
  const large = Buffer.alloc(200 * 1024);
  writer.send(large);
  writer.send(large);
  tick();
  expect(socket.writes.map((written) => written === large)).toEqual([true, true]);
  expect(socket.corks).toBe(0);
});

test('[LIM4] a socket is congested above the limit, until less than half of it waits', () => {
  const { open, tick, egress } = setUp(100);
  const { socket, writer, events } = open(0);
  writer.send(Buffer.alloc(60));
  tick();
  writer.send(Buffer.alloc(40));
  expect(writer.congested).toBe(false);
  writer.send(Buffer.alloc(1));
  expect([writer.congested, writer.waiting, egress.congested]).toEqual([true, 101, 1]);
  tick();
  writer.send(Buffer.alloc(40));
  tick();
  socket.drain(60);
  expect([writer.waiting, writer.congested, events]).toEqual([81, true, []]);
  socket.drain(41);
  expect([writer.waiting, writer.congested, events]).toEqual([40, false, ['drained']]);
  expect(egress.congested).toBe(0);
});

test('[LIM4] frequent responses do not keep a socket congested', () => {
  const { open, tick } = setUp(100);
  const { socket, writer, events } = open(0);
  writer.send(Buffer.alloc(101));
  tick();
  writer.send(Buffer.alloc(20));
  tick();
  socket.drain(101);
  expect(events).toEqual(['drained']);
  expect(writer.waiting).toBe(20);
});

test('[LIM4] beyond eight times the limit the socket overflows, and not from within send', () => {
  const { open, tick, egress } = setUp(100);
  const { socket, writer, events } = open(0);
  // Bytes waiting in the kernel count as well.
  for (let index = 0; index < 8; index++) {
    writer.send(Buffer.alloc(100));
    tick();
  }
  expect([events, writer.waiting]).toEqual([[], 800]);
  writer.send(frame('x'));
  writer.send(frame('dropped'));
  expect(events).toEqual([]);
  tick();
  expect([events, socket.writes.length, writer.waiting]).toEqual([['given up'], 8, 800]);
  writer.close();
  expect(egress.congested).toBe(0);
});

test('[SES12] closing sends what is queued, and later frames are dropped', () => {
  const { open, tick, egress } = setUp(5);
  const { socket, writer } = open();
  writer.send(frame('last '));
  writer.send(frame('words'));
  writer.close();
  writer.send(frame('nothing'));
  tick();
  expect(Buffer.concat(socket.writes).toString()).toBe('last words');
  expect(egress.congested).toBe(0);
});

test('[SES11] nothing is written to an ended socket', () => {
  const { open, tick } = setUp();
  const { socket, writer } = open();
  writer.send(frame('late'));
  socket.writable = false;
  tick();
  writer.send(frame('later'));
  writer.close();
  expect(socket.writes).toEqual([]);
});

test('[PSH9] frames sent during a flush go with the next one', () => {
  const { open, tick, scheduled } = setUp(10);
  const first = open();
  const second = open();
  const { write } = first.socket;
  first.socket.write = (bytes, done) => {
    second.writer.send(frame('!'));
    return write(bytes, done);
  };
  first.writer.send(frame('a'));
  tick();
  expect([second.socket.writes.length, scheduled.length]).toEqual([0, 1]);
  tick();
  expect(second.socket.writes.map(String)).toEqual(['!']);
});

/** Sockets of an address, each with something to write. */
function loaded(
  { open }: Pick<ReturnType<typeof setUp>, 'open'>,
  address: string,
  { sockets, bytes }: { readonly sockets: number; readonly bytes: number },
) {
  const frame = Buffer.alloc(bytes);
  return Array.from({ length: sockets }, () => {
    const { socket, writer } = open(undefined, address);
    writer.send(frame);
    return socket;
  });
}
const written = (sockets: readonly { readonly writes: readonly Buffer[] }[]) =>
  sockets.filter(({ writes }) => writes.length > 0).length;

const megabyte = 1024 * 1024;

test('[LIM42] large output of many sockets is written in several ticks, and small output at once', () => {
  const world = setUp(1e9);
  const { tick, wrote, scheduled } = world;
  const large = loaded(world, '192.0.2.1', { sockets: 10, bytes: megabyte });
  const little = loaded(world, '192.0.2.2', { sockets: 10, bytes: 1000 });
  tick();
  expect([written(large), written(little)]).toEqual([4, 10]);
  const later = loaded(world, '192.0.2.2', { sockets: 1, bytes: 1000 });
  expect(scheduled).toHaveLength(1);
  tick();
  expect([written(large), written(later)]).toEqual([8, 1]);
  tick();
  expect(written(large)).toBe(10);
  tick();
  expect(scheduled).toEqual([]);
  expect(wrote.map(([sockets]) => sockets)).toEqual([14, 5, 2]);
});

test('[LIM42] addresses take turns with large output', () => {
  const world = setUp(1e9);
  const many = loaded(world, '192.0.2.1', { sockets: 20, bytes: megabyte });
  const one = loaded(world, '192.0.2.2', { sockets: 1, bytes: megabyte });
  world.tick();
  expect([written(many), written(one)]).toEqual([4, 0]);
  world.tick();
  expect([written(many), written(one)]).toEqual([7, 1]);
});

test('[PSH9] what is sent to a socket that waits for its turn goes with it, in order, and is shared', () => {
  const world = setUp(1e9);
  loaded(world, '192.0.2.1', { sockets: 4, bytes: megabyte });
  const frames = [Buffer.alloc(100_000, 'a'), Buffer.alloc(100_000, 'b'), frame('c')];
  const waiting = Array.from({ length: 30 }, () => world.open());
  for (const { writer } of waiting) for (const each of frames.slice(0, 2)) writer.send(each);
  world.tick();
  expect(written(waiting.map(({ socket }) => socket))).toBe(0);
  for (const { writer } of waiting) for (const each of frames.slice(2)) writer.send(each);
  for (let ticks = 0; ticks < 2; ticks++) world.tick();
  const whole = Buffer.concat(frames);
  for (const { socket } of waiting) {
    expect(socket.writes.map((bytes) => bytes.equals(whole))).toEqual([true]);
    expect(socket.writes[0]).toBe(waiting[0]?.socket.writes[0]);
  }
});

test('[SES12] everything is written before the server closes its sockets', () => {
  const world = setUp(1e9);
  const large = loaded(world, '192.0.2.1', { sockets: 20, bytes: megabyte });
  world.tick();
  world.egress.flush();
  expect(written(large)).toBe(20);
});

test('[LIM4] what waits in a socket from before the first frame counts, until it was taken', () => {
  const { open, tick } = setUp(100);
  const { socket, writer } = open(0, undefined, Buffer.alloc(90));
  writer.send(frame('x'.repeat(11)));
  expect(writer.congested).toBe(true);
  const other = open(0, undefined, Buffer.alloc(90));
  other.socket.drain(90);
  other.writer.send(frame('x'.repeat(100)));
  expect(other.writer.congested).toBe(false);
  tick();
  socket.drain(101);
  expect(writer.congested).toBe(false);
});
