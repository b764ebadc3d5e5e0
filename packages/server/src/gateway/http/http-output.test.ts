import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Budgets } from '../../platform/budget.js';
import { Readings } from '../../platform/readings.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { OutputTotal } from '../limits/output-total.js';
import { HttpOutput, handOver, maxPipelined, recordOutput } from './http-output.js';

/** Charges nothing. */
const heads = { pay: () => {}, isOver: () => false };

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A server that responds when the test says so. */
async function setUp() {
  const metrics = new Readings();
  const platform = simulatedPlatform({ seed: 1 });
  const budgets = new Budgets(metrics);
  const total = new OutputTotal({ limit: 1e9, time: 1e9, budgets, platform });
  const addresses = { of: () => '192.0.2.1' };
  const output = new HttpOutput({ total, time: 60_000, budgets, addresses, heads, platform });
  const begun: { path: string; response: ServerResponse }[] = [];
  const waiters: (() => void)[] = [];
  const server = createServer(
    output.inOrder((request, response) => {
      begun.push({ path: request.url ?? '', response });
      for (const tell of waiters.splice(0)) tell();
    }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const open = (): Socket => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    ends.push(() => socket.destroy());
    return socket;
  };
  ends.push(
    () => server.closeAllConnections(),
    () => void server.close(),
  );
  const until = async (count: number) => {
    while (begun.length < count) await new Promise<void>((resolve) => waiters.push(resolve));
  };
  return { metrics, platform, begun, until, open };
}

const get = (path: string | number) => `GET /${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

test('[LIM34] a request starts when the previous response is sent, and none is lost', async () => {
  const { begun, until, open } = await setUp();
  const socket = open();
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.write(Array.from({ length: 100 }, (_, n) => get(n)).join(''));
  for (let n = 0; n < 100; n++) {
    await until(n + 1);
    expect(begun.length).toBe(n + 1);
    begun[n]?.response.end(`<${n}>`);
  }
  socket.write(get('later'));
  await until(101);
  while (!text.includes('<99>')) await once(socket, 'data');
  const order = [...text.matchAll(/<(\d+)>/g)].map(([, n]) => Number(n));
  expect(order).toEqual(Array.from({ length: 100 }, (_, n) => n));
});

test('[LIM34] the body of a waiting request is read when that starts', async () => {
  const { begun, until, open } = await setUp();
  const socket = open();
  const body = 'x'.repeat(500_000);
  socket.write(get('first'));
  socket.write(`POST /second HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await until(1);
  begun[0]?.response.end();
  await until(2);
  let bytes = 0;
  for await (const chunk of begun[1]?.response.req ?? []) bytes += chunk.length;
  expect(bytes).toBe(body.length);
});

test('[LIM34] a connection with too many waiting requests is cut off', async () => {
  const { metrics, until, open } = await setUp();
  const socket = open();
  socket.write(Array.from({ length: maxPipelined + 2 }, (_, n) => get(n)).join(''));
  await until(1);
  socket.resume();
  await once(socket, 'close');
  expect(metrics.read('really_limit_refused_total limits.inFlight')).toBe(1);
});

test('[LIM34] further requests stay in the socket while some wait', async () => {
  const { metrics, begun, until, open } = await setUp();
  const used = () => metrics.read('really_limit_used limits.outputTotal');
  const socket = open();
  socket.resume();
  socket.write(Array.from({ length: 200 }, (_, n) => get(n)).join(''));
  while (used() < 199 * 4096) await new Promise((resolve) => setImmediate(resolve));
  socket.write(Array.from({ length: 200 }, (_, n) => get(n)).join(''));
  // By then the server would have read them.
  open().write(get('other'));
  await until(2);
  begun[0]?.response.end();
  for (let n = 2; n <= 400; n++) {
    await until(n + 1);
    begun[n]?.response.end();
  }
});

test('[LIM34] a socket that became a WebSocket is not resumed when requests before it are answered', async () => {
  const { begun, until, open } = await setUp();
  const socket = open();
  socket.resume();
  socket.write(get('first') + get('second'));
  await until(1);
  const own = begun[0]?.response.socket as Socket;
  while (!own.isPaused()) await new Promise((resolve) => setImmediate(resolve));
  handOver(own);
  begun[0]?.response.end();
  await until(2);
  expect(own.isPaused()).toBe(true);
});

test('[LIM32] waiting requests count with their heads, until they begin or are cut off', async () => {
  const { metrics, begun, until, open } = await setUp();
  const used = () => metrics.read('really_limit_used limits.outputTotal');
  const long = `/?${'x'.repeat(10_000)}`;
  const served = open();
  served.resume();
  served.write(get('first') + get(long).repeat(2));
  while (used() < 2 * 14_096) await new Promise((resolve) => setImmediate(resolve));
  const cut = open();
  cut.write(get('first') + get(long).repeat(2));
  while (used() < 4 * 14_096) await new Promise((resolve) => setImmediate(resolve));
  const other = begun.at(-1)?.response as ServerResponse;
  const closed = once(other, 'close');
  other.socket?.destroy();
  await closed;
  expect(used()).toBeLessThan(3 * 14_096);
  begun[0]?.response.end();
  await until(3);
  // What is left is too little to count.
  expect(used()).toBe(0);
});

test('[LIM32] the body of a response counts until its last byte is read', async () => {
  const { metrics, begun, until, open } = await setUp();
  const used = () => metrics.read('really_limit_used limits.outputTotal');
  const socket = open();
  socket.write(get('large'));
  await until(1);
  const response = begun[0]?.response as ServerResponse;
  recordOutput(response, 20_000_000);
  response.end(Buffer.alloc(20_000_000));
  expect(used()).toBeGreaterThanOrEqual(20_000_000);
  const closed = once(response, 'close');
  socket.resume();
  await closed;
  expect(used()).toBe(0);
});

test('[LIM32] the body of a response does not count if its client has left before', async () => {
  const { metrics, begun, until, open } = await setUp();
  const socket = open();
  socket.write(get('large'));
  await until(1);
  const response = begun[0]?.response as ServerResponse;
  const closed = once(response, 'close');
  socket.destroy();
  await closed;
  recordOutput(response, 20_000_000);
  response.end(Buffer.alloc(20_000_000));
  expect(metrics.read('really_limit_used limits.outputTotal')).toBe(0);
});

test('[LIM33] a client that reads nothing of a response in time is cut off', async () => {
  const { metrics, platform, begun, until, open } = await setUp();
  const socket = open();
  socket.write(get('large'));
  await until(1);
  const response = begun[0]?.response as ServerResponse;
  const closed = once(response, 'close');
  response.end(Buffer.alloc(20_000_000));
  for (let seconds = 0; seconds < 130; seconds++) platform.advance(1000);
  await closed;
  expect(metrics.read('really_limit_refused_total limits.outputTime')).toBe(1);
});

test('[LIM33] the time between two responses does not count', () => {
  const platform = simulatedPlatform({ seed: 1 });
  const output = new HttpOutput({
    total: { record: () => {}, release: () => {} },
    time: 60_000,
    budgets: new Budgets(new Readings()),
    addresses: { of: () => '192.0.2.1' },
    heads,
    platform,
  });
  const socket = Object.assign(new EventEmitter(), {
    bytesWritten: 0,
    writableLength: 0,
    destroyed: false,
    destroy: () => {
      socket.destroyed = true;
    },
  });
  const listener = output.inOrder(() => {});
  const respond = () => {
    const response = new EventEmitter() as unknown as ServerResponse;
    listener({ socket, headers: {}, rawHeaders: [] } as unknown as IncomingMessage, response);
    socket.bytesWritten += 10_000;
    socket.writableLength = 10_000;
    platform.advance(1000);
    return response;
  };
  const first = respond();
  socket.writableLength = 0;
  first.emit('close');
  platform.advance(70_000);
  respond();
  expect(socket.destroyed).toBe(false);
  for (let seconds = 0; seconds < 60; seconds++) platform.advance(1000);
  expect(socket.destroyed).toBe(true);
});
