import { expect, test } from 'vitest';
import { Egress } from './egress.js';
import { SocketWriter } from './socket-writer.js';

/** A socket whose kernel takes what `room` allows and nothing more until `drain`. */
function fakeSocket(room = Number.POSITIVE_INFINITY) {
  const writes: Buffer[] = [];
  const pending: { bytes: Buffer; done: (() => void) | undefined }[] = [];
  const socket = {
    writes,
    writable: true,
    corks: 0,
    free: room,
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
  const open = (room?: number) => {
    const socket = fakeSocket(room);
    const events: string[] = [];
    const writer = new SocketWriter(egress, socket, {
      address: '192.0.2.1',
      giveUp: () => events.push('given up'),
      onDrain: () => events.push('relieved'),
      onOverflow: () => events.push('overwhelmed'),
    });
    return { socket, writer, events };
  };
  const turn = () => {
    for (const flush of scheduled.splice(0)) flush();
  };
  return { egress, scheduled, wrote, open, turn };
}

const frame = (text: string) => Buffer.from(text);

test('[PSH9] what a socket gets in one turn leaves in order with one write', () => {
  const { open, turn, scheduled, wrote } = setUp();
  const { socket, writer } = open();
  for (const text of ['a', 'bc', 'd']) writer.send(frame(text));
  expect(socket.writes).toEqual([]);
  expect(scheduled.length).toBe(1);
  turn();
  expect(socket.writes.map(String)).toEqual(['abcd']);
  writer.send(frame('e'));
  turn();
  expect(socket.writes.map(String)).toEqual(['abcd', 'e']);
  expect(wrote).toEqual([
    [1, 3, 4],
    [1, 1, 1],
  ]);
});

test('[PSH9] sockets that get the same frames share one buffer, others do not', () => {
  const { open, turn } = setUp();
  const [one, two, three] = [open(), open(), open()];
  const frames = [frame('first'), frame('second')];
  for (const { writer } of [one, two, three]) for (const each of frames) writer.send(each);
  three.writer.send(frame('third'));
  turn();
  expect(two.socket.writes[0]).toBe(one.socket.writes[0]);
  expect(three.socket.writes.map(String)).toEqual(['firstsecondthird']);
});

test('[PSH9] a single frame is not copied at all', () => {
  const { open, turn } = setUp();
  const [one, two] = [open(), open()];
  const shared = frame('shared');
  one.writer.send(shared);
  two.writer.send(shared);
  turn();
  expect(one.socket.writes[0]).toBe(shared);
  expect(two.socket.writes[0]).toBe(shared);
});

test('[PSH9] frames that are large together go out as they are, still in one go', () => {
  const { open, turn } = setUp(1e9);
  const { socket, writer } = open();
  const large = Buffer.alloc(200 * 1024);
  writer.send(large);
  writer.send(large);
  turn();
  expect(socket.writes.map((written) => written === large)).toEqual([true, true]);
  expect(socket.corks).toBe(0);
});

test('[LIM4] more than the limit waiting is congestion, until less than half of it waits', () => {
  const { open, turn, egress } = setUp(100);
  const { socket, writer, events } = open(0);
  writer.send(Buffer.alloc(60));
  turn();
  writer.send(Buffer.alloc(40));
  expect(writer.congested).toBe(false);
  writer.send(Buffer.alloc(1));
  expect([writer.congested, writer.waiting, egress.congested]).toEqual([true, 101, 1]);
  turn();
  writer.send(Buffer.alloc(40));
  turn();
  socket.drain(60);
  expect([writer.waiting, writer.congested, events]).toEqual([81, true, []]);
  socket.drain(41);
  expect([writer.waiting, writer.congested, events]).toEqual([40, false, ['relieved']]);
  expect(egress.congested).toBe(0);
});

test('[LIM4] answers that keep coming do not keep a socket congested', () => {
  const { open, turn } = setUp(100);
  const { socket, writer, events } = open(0);
  writer.send(Buffer.alloc(101));
  turn();
  writer.send(Buffer.alloc(20));
  turn();
  socket.drain(101);
  expect(events).toEqual(['relieved']);
  expect(writer.waiting).toBe(20);
});

test('[LIM4] beyond eight times the limit the socket is given up, and not from within send', () => {
  const { open, turn, egress } = setUp(100);
  const { socket, writer, events } = open(0);
  // What waits in the kernel counts as well.
  for (let index = 0; index < 8; index++) {
    writer.send(Buffer.alloc(100));
    turn();
  }
  expect([events, writer.waiting]).toEqual([[], 800]);
  writer.send(frame('x'));
  writer.send(frame('dropped'));
  expect(events).toEqual([]);
  turn();
  expect([events, socket.writes.length, writer.waiting]).toEqual([['overwhelmed'], 8, 800]);
  writer.close();
  expect(egress.congested).toBe(0);
});

test('[SES12] closing hands over what is queued, and later frames are dropped', () => {
  const { open, turn, egress } = setUp(5);
  const { socket, writer } = open();
  writer.send(frame('last '));
  writer.send(frame('words'));
  writer.close();
  writer.send(frame('nothing'));
  turn();
  expect(Buffer.concat(socket.writes).toString()).toBe('last words');
  expect(egress.congested).toBe(0);
});

test('[SES11] nothing is written to a socket that was ended', () => {
  const { open, turn } = setUp();
  const { socket, writer } = open();
  writer.send(frame('late'));
  socket.writable = false;
  turn();
  writer.send(frame('later'));
  writer.close();
  expect(socket.writes).toEqual([]);
});

test('[PSH9] frames that come while a turn is written go with the next', () => {
  const { open, turn, scheduled } = setUp(10);
  const one = open();
  const two = open();
  const { write } = one.socket;
  one.socket.write = (bytes, done) => {
    two.writer.send(frame('!'));
    return write(bytes, done);
  };
  one.writer.send(frame('a'));
  turn();
  expect([two.socket.writes.length, scheduled.length]).toEqual([0, 1]);
  turn();
  expect(two.socket.writes.map(String)).toEqual(['!']);
});
