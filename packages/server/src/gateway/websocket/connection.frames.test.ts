import { once } from 'node:events';
import { closeCodes, type JsonObject } from '@really/protocol';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { encodeFrame } from '../../live/push/frame.js';
import type { PushTarget } from '../../live/push-target.js';
import { Readings } from '../../platform/readings.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import {
  clientFrame,
  noRates,
  openTestGateway,
  RawClient,
  serverFrames,
  TestClient,
  type TestCommand,
  type TestSetup,
} from '../gateway.fixture.js';
import { ClientSocket } from './client-socket.js';

const open: Awaited<ReturnType<typeof openTestGateway>>[] = [];

async function start(setup: TestSetup = {}) {
  const server = await openTestGateway(setup);
  open.push(server);
  return server;
}

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const tick = () => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await tick();
}

const malformed = { error: { code: 400, message: 'json.malformed' } };

describe('a malformed message', () => {
  test.each(['{', '[]', 'null', '7', '""'])(
    '[SES7] %j closes with 1003, at any time',
    async (text) => {
      const server = await start();
      for (const client of [
        await TestClient.open(server.url),
        await TestClient.initialized(server),
      ]) {
        client.socket.send(text);
        client.send({ tag: 1, cmd: 'ping' });
        expect(await client.closed).toEqual({ code: closeCodes.unsupported });
        expect(client.received).toEqual([malformed]);
      }
    },
  );

  test('[SES7] invalid UTF-8 is malformed', async () => {
    const { url } = await start();
    const client = await TestClient.open(url);
    client.socket.send(Buffer.from([0x7b, 0xff]), { binary: false });
    expect(await client.closed).toEqual({ code: closeCodes.unsupported });
    expect(client.received).toEqual([malformed]);
  });

  test('[SES7] the socket is ended at once, even if the client does not answer the close', async () => {
    const { port } = await start();
    const client = new RawClient(port);
    await client.upgrade();
    client.write(clientFrame('x'));
    await once(client.socket, 'end');
    const [message, goodbye] = serverFrames(client.bytes);
    expect(JSON.parse(String(message?.payload))).toEqual(malformed);
    expect([goodbye?.opcode, goodbye?.payload.readUInt16BE(0)]).toEqual([8, 1003]);
  });

  test('[CON5] a binary frame closes with 1003', async () => {
    const { url } = await start();
    const client = await TestClient.open(url);
    client.socket.send(Buffer.from('{}'), { binary: true });
    expect(await client.closed).toEqual({ code: closeCodes.unsupported });
    expect(client.received).toEqual([]);
  });

  test('[LIM1] a message over the limit closes with 1009, one at the limit is fine', async () => {
    const server = await start({ limits: { message: 1000 } });
    const client = await TestClient.initialized(server);
    const ping = (size: number) => `{"tag":1,"cmd":"ping","pad":"${'x'.repeat(size - 31)}"}`;
    client.socket.send(ping(1000));
    await client.receive(1);
    client.socket.send(ping(1001));
    expect(await client.closed).toEqual({ code: closeCodes.tooBig });
  });

  test('[LIM1] fragments count together', async () => {
    const { port } = await start({ limits: { message: 1000 } });
    const client = new RawClient(port);
    await client.upgrade();
    client.write(clientFrame('x'.repeat(600), 1, false));
    client.write(clientFrame('x'.repeat(600), 0, true));
    await client.until((bytes) => bytes.length >= 4);
    expect(serverFrames(client.bytes)[0]?.payload.readUInt16BE(0)).toBe(1009);
    client.socket.destroy();
  });

  test('[LIM8] JSON that is too deep is refused, and the socket stays open', async () => {
    const server = await start();
    const client = await TestClient.initialized(server);
    const deep = `{"tag":4,"cmd":"get","body":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    client.socket.send(deep);
    client.send({ tag: 5, cmd: 'ping' });
    expect(await client.receive(2)).toEqual([
      { tag: 4, error: { code: 400, message: 'request.invalid', errors: { body: ['too.deep'] } } },
      { tag: 5, evt: 'pinged' },
    ]);
  });
});

describe('frames', () => {
  /** A session over a raw socket, with its push target. */
  async function raw(setup: TestSetup = {}) {
    let listener: PushTarget | undefined;
    const listen: TestCommand = (call) => {
      listener = call.pushTarget;
      return Promise.resolve({ body: {} });
    };
    const server = await start({ ...setup, commands: { listen, ...setup.commands } });
    const client = new RawClient(server.port);
    await client.upgrade();
    const accessToken = await server.tokens.mint({ uid: 'amal' });
    client.write(clientFrame(JSON.stringify({ tag: 0, cmd: 'initialize', accessToken })));
    client.write(clientFrame('{"tag":1,"cmd":"listen"}'));
    await client.until(() => listener !== undefined);
    if (!listener) throw new Error('nobody listens');
    return { server, client, listener };
  }

  test('[PSH9] pushes, responses, pongs and the close are never interleaved', async () => {
    const { client, listener } = await raw();
    const sizes = [10, 125, 126, 5000, 65_535, 65_536, 200_000];
    for (let round = 0; round < 40; round++) {
      for (const size of sizes) {
        const text = JSON.stringify({ evt: 'x', pad: 'é'.repeat(size / 2) });
        listener.push(encodeFrame(text));
        if (size % 2) client.write(clientFrame(`${round}`, 9));
        // Byte by byte, so that the client's frame is cut anywhere.
        for (const byte of clientFrame('{"tag":2,"cmd":"ping"}')) client.write(Buffer.of(byte));
      }
      await tick();
    }
    client.write(clientFrame(Buffer.from([3, 232]), 8));
    await client.ended;
    const frames = serverFrames(client.bytes);
    const of = (opcode: number) => frames.filter((frame) => frame.opcode === opcode);
    const texts = of(1).map(({ payload }) => JSON.parse(payload.toString()) as JsonObject);
    expect(texts.filter(({ evt }) => evt === 'x')).toHaveLength(40 * sizes.length);
    expect(texts.filter(({ evt }) => evt === 'pinged')).toHaveLength(40 * sizes.length);
    expect(of(10)).toHaveLength(40 * sizes.filter((size) => size % 2).length);
    expect(of(8).map(({ payload }) => payload.readUInt16BE(0))).toEqual([1000]);
    expect(frames.at(-1)?.opcode).toBe(8);
  });

  test('[SES11] the server echoes the close code of the client', async () => {
    const server = await start();
    for (const code of [1000, 1001, 4321]) {
      const client = await TestClient.initialized(server);
      client.socket.close(code);
      expect(await client.closed).toEqual({ code });
    }
  });

  test('[LIM4] a client that does not read is congested, then recovers or is closed', async () => {
    const metrics = new Readings();
    const waiting = () => metrics.read('really_connection_waiting_bytes');
    const { server, client, listener } = await raw({
      metrics,
      limits: { outputBuffer: 64 * 1024 },
    });
    client.socket.pause();
    const frame = encodeFrame(JSON.stringify({ evt: 'x', pad: 'x'.repeat(32 * 1024) }));
    // The kernel buffers some megabytes before anything waits here.
    for (let pushed = 0; !listener.congested && pushed < 10_000; pushed++) {
      listener.push(frame);
      await tick();
    }
    expect(listener.congested).toBe(true);
    expect(waiting()).toBeGreaterThan(64 * 1024);
    expect(server.live.drained).toEqual([]);
    client.socket.resume();
    await until(() => server.live.drained.length === 1);
    expect([server.live.drained[0] === listener, listener.congested]).toEqual([true, false]);
    expect(waiting()).toBe(0);
    client.socket.pause();
    for (let pushed = 0; server.live.dropped.length === 0 && pushed < 10_000; pushed++) {
      listener.push(frame);
      await tick();
    }
    client.socket.resume();
    await client.ended;
    const last = serverFrames(client.bytes).at(-1);
    expect([last?.opcode, last?.payload.readUInt16BE(0)]).toEqual([8, closeCodes.overload]);
  });

  /** A client for which output waits that it does not read, and which sent a ping since. */
  async function slowReader(watched: boolean) {
    const metrics = new Readings();
    const platform = simulatedPlatform({ seed: 1 });
    // In a room it is about the pings.
    const limits = { outputBuffer: 64 * 1024, outputTime: watched ? 1e9 : 60_000 };
    const { server, client, listener } = await raw({
      metrics,
      platform,
      limits,
      config: { idleTimeout: 120_000, initializeTimeout: 120_000 },
    });
    const waiting = () => metrics.read('really_connection_waiting_bytes');
    const isGone = () => server.live.dropped.length > 0;
    const pushed = encodeFrame(JSON.stringify({ evt: 'x', pad: 'x'.repeat(16 * 1024) }));
    client.socket.pause();
    const fill = async () => {
      while (waiting() < 256 * 1024 && !isGone()) {
        listener.push(pushed);
        await tick();
      }
      client.write(clientFrame('{"tag":2,"cmd":"ping"}'));
    };
    await fill();
    if (watched) listener.watchLife?.(true);
    /** The client reads until the server notices that it took so many bytes. */
    const readSome = async (bytes: number) => {
      const before = waiting();
      client.socket.resume();
      await until(() => waiting() <= before - bytes || isGone());
      client.socket.pause();
      await fill();
    };
    return { metrics, platform, server, client, readSome, isGone };
  }

  test('[LIM33] a client that reads nothing of what waits for it is closed after a minute', async () => {
    const { metrics, platform, client, isGone } = await slowReader(false);
    platform.advance(60_000);
    expect(isGone()).toBe(false);
    platform.advance(2000);
    expect(isGone()).toBe(true);
    expect(metrics.read('really_limit_refused_total limits.outputTime')).toBe(1);
    client.socket.resume();
    await client.ended;
  });

  test('[LIM33] [SES9] a client that reads slowly is not closed, nor idle while its messages are not read', async () => {
    const { platform, client, readSome, isGone } = await slowReader(false);
    for (let n = 0; n < 5; n++) {
      platform.advance(40_000);
      await readSome(128 * 1024);
    }
    expect(isGone()).toBe(false);
    client.socket.resume();
    await client.until((bytes) => bytes.includes('"evt":"pinged"'));
  });

  test('[PRS9] a client in a room that reads nothing is cut off, whatever waits; one that reads is not', async () => {
    const { platform, readSome, isGone } = await slowReader(true);
    for (let n = 0; n < 4; n++) {
      platform.advance(15_000);
      await readSome(32 * 1024);
    }
    expect(isGone()).toBe(false);
    // What the system still took for the client counts as read.
    while (!isGone()) {
      platform.advance(15_000);
      await tick();
    }
  });

  test('[LIM4] unread responses are bounded as well', async () => {
    const pad = 'x'.repeat(10_000);
    const fat: TestCommand = () => Promise.resolve({ body: { pad } });
    const { server, client } = await raw({
      limits: { outputBuffer: 64 * 1024 },
      commands: { fat },
    });
    client.socket.pause();
    let gone = false;
    void client.ended.then(() => {
      gone = true;
    });
    for (let tag = 0; server.live.dropped.length === 0 && !gone && tag < 20_000; tag++) {
      client.write(clientFrame(`{"tag":${tag},"cmd":"fat"}`));
      if (tag % 50 === 0) await tick();
    }
    await until(() => server.live.dropped.length === 1);
    client.socket.destroy();
  });

  test.each([
    ['a frame without a mask', Buffer.from([0x81, 2, 0x7b, 0x7d])],
    ['reserved bits', Buffer.from([0xf1, 0x80, 0, 0, 0, 0])],
    ['an unknown opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
    ['a continuation without a start', clientFrame('x', 0)],
    ['a fragmented ping', clientFrame('x', 9, false)],
    ['a huge length', Buffer.from([0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255])],
    ['random bytes', Buffer.from('af93c1d07e55aa0102fffe', 'hex')],
  ])('[DUR5] %s ends that connection only', async (_what, bytes) => {
    const { server, client } = await raw();
    client.write(bytes);
    await client.ended;
    expect(server.live.dropped).toHaveLength(1);
    const other = await TestClient.initialized(server);
    other.send({ tag: 1, cmd: 'ping' });
    expect(await other.receive(1)).toEqual([{ tag: 1, evt: 'pinged' }]);
  });

  test('[LIM27] what follows the close of the server is not parsed, and read at the rate', async () => {
    const platform = simulatedPlatform({ seed: 1 });
    const rates = { ...noRates, bytesBeforeInitialize: 1000 };
    const metrics = new Readings();
    const server = await start({ platform, metrics, config: { rates } });
    const closed = () => metrics.read('really_connections_closed_total');
    const client = new RawClient(server.port);
    await client.upgrade();
    const events = vi.spyOn(ClientSocket.prototype, 'emit');
    client.write(clientFrame('', 2));
    await client.until((bytes) => bytes.length > 0);
    client.socket.end(Buffer.concat(Array.from({ length: 30_000 }, () => clientFrame('', 9))));
    await client.ended;
    for (const uid of ['amal', 'bela']) await TestClient.initialized(server, uid);
    expect(closed()).toBe(0);
    while (closed() === 0) {
      platform.advance(1000);
      await tick();
    }
    expect(events.mock.calls.filter(([name]) => name === 'ping')).toEqual([]);
    events.mockRestore();
  });

  test('[DUR5] an endless message in tiny fragments is cut off', async () => {
    const { client, server } = await raw();
    client.write(clientFrame('{', 1, false));
    client.write(Buffer.concat(Array.from({ length: 300 }, () => clientFrame(' ', 0, false))));
    await client.ended;
    expect(server.live.dropped).toHaveLength(1);
    expect(serverFrames(client.bytes).at(-1)?.payload.readUInt16BE(0)).toBe(1008);
  });

  test('[DUR5] a connection that breaks off in the middle of a frame is forgotten', async () => {
    const { server, client } = await raw();
    client.write(clientFrame('{"tag":3,"cmd":"ping"}').subarray(0, 9));
    await tick();
    client.socket.resetAndDestroy();
    await until(() => server.live.dropped.length === 1);
  });

  test('[DUR5] a connection that the client half-closes is ended', async () => {
    const { server, client } = await raw();
    client.socket.end();
    await client.ended;
    await until(() => server.live.dropped.length === 1);
  });
});
