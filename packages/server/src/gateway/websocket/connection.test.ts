import { once } from 'node:events';
import { inspect } from 'node:util';
import { closeCodes, type JsonObject } from '@really/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import type { Reply } from '../../commands/services.js';
import { encodeFrame } from '../../live/push/frame.js';
import type { PushTarget } from '../../live/push-target.js';
import { defaultLimits } from '../../platform/limits.js';
import type { Log } from '../../platform/log.js';
import { Readings } from '../../platform/readings.fixture.js';
import { type SimulatedPlatform, simulatedPlatform } from '../../platform/simulated.js';
import {
  clientFrame,
  openTestGateway,
  RawClient,
  serverFrames,
  TestClient,
  type TestCommand,
  type TestSetup,
} from '../gateway.fixture.js';

const open: Awaited<ReturnType<typeof openTestGateway>>[] = [];

async function start(setup: TestSetup = {}) {
  const server = await openTestGateway(setup);
  open.push(server);
  return server;
}

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

/** A command that the test releases by hand. */
function gate() {
  const waiting: (() => void)[] = [];
  const command: TestCommand = (_call, { n }) =>
    new Promise<Reply>((resolve) => {
      waiting.push(() => resolve({ body: { n: n ?? null } }));
    });
  return { waiting, command };
}

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

describe('an idle client', () => {
  const idle = { idleTimeout: 120_000, initializeTimeout: 120_000 };

  /** Waits for the client's bytes to cross the socket before time goes on. */
  async function receivedBy(client: TestClient, action: () => void): Promise<void> {
    action();
    await once(client.socket, 'pong');
  }

  async function startSimulated(config: TestSetup['config'] = idle) {
    const platform: SimulatedPlatform = simulatedPlatform({ seed: 1 });
    const server = await start({ platform, config });
    return { platform, server };
  }

  test('[SES9] an idle client is closed, initialized or not', async () => {
    const { platform, server } = await startSimulated();
    const greeting = await TestClient.open(server.url);
    const ready = await TestClient.initialized(server);
    platform.advance(119_999);
    // Once a later connection is answered, the earlier bytes have arrived.
    const later = await TestClient.initialized(server);
    expect([greeting.received, ready.received]).toEqual([[], []]);
    platform.advance(1);
    for (const client of [greeting, ready]) {
      expect(await client.closed).toEqual({ code: closeCodes.policy });
      expect(client.received).toEqual([{ evt: 'kicked' }]);
    }
    await receivedBy(later, () => later.socket.ping());
    expect(later.received).toEqual([]);
  });

  test('[SES9] messages count as activity, pongs and pushes do not', async () => {
    let listener: PushTarget | undefined;
    const platform = simulatedPlatform({ seed: 1 });
    const listen: TestCommand = (call) => {
      listener = call.pushTarget;
      return Promise.resolve({ body: {} });
    };
    const server = await start({ platform, config: idle, commands: { listen } });
    const client = await TestClient.initialized(server);
    platform.advance(100_000);
    client.send({ tag: 1, cmd: 'listen' });
    await client.receive(1);
    platform.advance(100_000);
    listener?.push(encodeFrame('{"evt":"updated"}'));
    await client.receive(2);
    client.socket.pong();
    // Once another connection is answered, the pong has been read.
    await TestClient.initialized(server);
    platform.advance(20_000);
    expect(await client.closed).toEqual({ code: closeCodes.policy });
    expect(client.received.at(-1)).toEqual({ evt: 'kicked' });
  });

  test('[PRS9] a client in a room is pinged, and cut off once it missed two pings', async () => {
    const platform = simulatedPlatform({ seed: 1 });
    const inRoom: PushTarget[] = [];
    const join: TestCommand = async ({ pushTarget }) => {
      if (pushTarget) inRoom.push(pushTarget);
      pushTarget?.watchLife?.(true);
      return { body: {} };
    };
    const server = await start({
      platform,
      config: { ...idle, idleTimeout: 1e9 },
      commands: { join },
    });
    const [quiet, alive] = [new RawClient(server.port), await TestClient.initialized(server)];
    await quiet.upgrade();
    const accessToken = await server.tokens.mint({ uid: 'amal' });
    for (const message of [
      { tag: 1, cmd: 'initialize', accessToken },
      { tag: 2, cmd: 'join' },
    ]) {
      quiet.write(clientFrame(JSON.stringify(message)));
    }
    await quiet.until((bytes) => bytes.includes('{"tag":2'));
    alive.send({ tag: 2, cmd: 'join' });
    await alive.receive(1);
    const pingsOf = () => serverFrames(quiet.bytes).filter(({ opcode }) => opcode === 9).length;
    for (const pings of [1, 2]) {
      const pinged = once(alive.socket, 'ping');
      platform.advance(15_000);
      await pinged;
      await quiet.until(() => pingsOf() === pings);
    }
    expect(inRoom).toHaveLength(2);
    // The other one answers, and is pinged again.
    const pinged = once(alive.socket, 'ping');
    platform.advance(15_000);
    expect(await quiet.ended).toContain('"tag":2');
    await pinged;
    const [, left] = inRoom;
    left?.watchLife?.(false);
    platform.advance(60_000);
    alive.send({ tag: 3, cmd: 'ping' });
    expect(await alive.receive(2)).toMatchObject([{}, { evt: 'pinged' }]);
  });

  test('[PRS7] pushes of rooms are left out while output waits, the last one and stored ones are not', async () => {
    let target: PushTarget | undefined;
    const join: TestCommand = async ({ pushTarget }) => {
      target = pushTarget;
      return { body: {} };
    };
    const server = await start({ commands: { join } });
    const client = await TestClient.initialized(server);
    client.send({ tag: 2, cmd: 'join' });
    await client.receive(1);
    client.socket.pause();
    const noise = encodeFrame(JSON.stringify({ evt: 'sent', noise: 'x'.repeat(60_000) }));
    let sent = 0;
    while (target?.pushEphemeral?.(noise)) {
      sent += 1;
      await tick();
    }
    target?.push(encodeFrame('{"evt":"snapshot"}'));
    expect(target?.pushEphemeral?.(encodeFrame('{"evt":"failed"}'), true)).toBe(true);
    client.socket.resume();
    const received = await client.receive(sent + 3);
    expect(received.slice(-2)).toEqual([{ evt: 'snapshot' }, { evt: 'failed' }]);
    await until(() => target?.pushEphemeral?.(noise) === true);
  });

  test('[LIM9] a client that never initializes is closed, however much it sends', async () => {
    const { platform, server } = await startSimulated({ ...idle, idleTimeout: 100_000 });
    const client = await TestClient.open(server.url);
    platform.advance(90_000);
    client.send({ tag: 1, cmd: 'ping' });
    await client.receive(1);
    platform.advance(29_999);
    await receivedBy(client, () => client.socket.ping());
    expect(client.socket.readyState).toBe(1);
    platform.advance(1);
    expect(await client.closed).toEqual({ code: closeCodes.policy });
    expect(client.received).toHaveLength(1);
  });

  test('[SES9] [LIM40] input in the system’s buffers is read before a client counts as idle', async () => {
    const { platform, server } = await startSimulated();
    const ready = await TestClient.initialized(server);
    const greeting = await TestClient.open(server.url);
    const accessToken = await server.tokens.mint({ uid: 'amal', expires: 1e15 });
    // It is in the socket and unread when the timeout fires.
    ready.send({ tag: 1, cmd: 'ping' });
    greeting.send({ tag: 1, cmd: 'initialize', accessToken });
    platform.advance(120_000);
    expect(await ready.receive(1)).toMatchObject([{ tag: 1, evt: 'pinged' }]);
    expect(await greeting.receive(1)).toMatchObject([{ tag: 1, evt: 'initialized' }]);
    platform.advance(120_000);
    expect(await ready.closed).toEqual({ code: closeCodes.policy });
    expect(ready.received.slice(1)).toEqual([{ evt: 'kicked' }]);
  });

  test('[SES10] when a token expires, the client is notified and the socket closed', async () => {
    const { platform, server } = await startSimulated();
    const client = await TestClient.open(server.url);
    const expires = platform.clock.now() + 5000;
    const accessToken = await server.tokens.mint({ uid: 'amal', expires });
    client.send({ tag: 1, cmd: 'initialize', accessToken });
    await client.receive(1);
    platform.advance(5000);
    expect(await client.closed).toEqual({ code: closeCodes.policy });
    expect(client.received.slice(1)).toEqual([{ evt: 'token-expired' }]);
  });

  test('[SES9] nothing is left of a closed connection', async () => {
    const { platform, server } = await startSimulated();
    const clients = [await TestClient.open(server.url), await TestClient.initialized(server)];
    for (const { socket } of clients) socket.terminate();
    await until(() => server.live.dropped.length === 1);
    while (platform.pending > 0) {
      platform.advance(60_000);
      await tick();
    }
  });
});

describe('order', () => {
  test('[SES1] messages sent along with initialize are handled after it, in order', async () => {
    const server = await start({
      commands: { echo: (_call, { n }) => Promise.resolve({ body: { n: n ?? null } }) },
    });
    const client = await TestClient.open(server.url);
    const accessToken = await server.tokens.mint({ uid: 'amal' });
    client.send({ tag: 0, cmd: 'ping' }, { tag: 1, cmd: 'initialize', accessToken });
    const many: JsonObject[] = [];
    for (let tag = 2; tag < 2000; tag++) many.push({ tag, cmd: 'echo', r: '/a/1', n: tag });
    client.send(...many);
    const received = await client.receive(2000);
    expect(received.map(({ tag }) => tag)).toEqual([...received.keys()]);
    expect(received[0]).toMatchObject({ error: { message: 'initialize.required' } });
    expect(received[1]).toMatchObject({ evt: 'initialized' });
    expect(received[1999]).toEqual({ tag: 1999, n: 1999 });
  });

  test('[LIM2] no more than 256 commands are in flight, and none is lost', async () => {
    const { waiting, command } = gate();
    const server = await start({ commands: { slow: command } });
    const client = await TestClient.initialized(server);
    const total = 3000;
    for (let tag = 0; tag < total; tag++) client.send({ tag, cmd: 'slow', n: tag });
    let done = 0;
    while (done < total) {
      await until(() => waiting.length > 0);
      await tick();
      expect(waiting.length).toBeLessThanOrEqual(256);
      for (const go of waiting.splice(0, 100)) {
        go();
        done++;
      }
    }
    const received = await client.receive(total);
    expect(new Set(received.map(({ tag }) => tag)).size).toBe(total);
  });

  test('[LIM2] a socket with too many commands in flight is not read', async () => {
    const { waiting, command } = gate();
    const server = await start({ commands: { slow: command } });
    const client = await TestClient.initialized(server);
    const pad = 'x'.repeat(30_000);
    for (let tag = 0; tag < 1000; tag++) client.send({ tag, cmd: 'slow', pad });
    await until(() => waiting.length === 256);
    for (let index = 0; index < 200; index++) await tick();
    expect(waiting.length).toBe(256);
    // Of 30 MB most stay with the client.
    expect(client.socket.bufferedAmount).toBeGreaterThan(10e6);
    client.socket.terminate();
  });

  test('[PSH1] what a command pushes comes after its response', async () => {
    const watch: TestCommand = ({ pushTarget: listener }) =>
      Promise.resolve({
        body: { started: true },
        afterwards: () => listener?.push(encodeFrame('{"evt":"snapshot"}')),
      });
    const server = await start({ commands: { watch } });
    const client = await TestClient.initialized(server);
    client.send({ tag: 1, cmd: 'watch' });
    expect(await client.receive(2)).toEqual([{ tag: 1, started: true }, { evt: 'snapshot' }]);
  });

  test('[ENV2] commands of a closed connection still end, and its subscriptions are dropped', async () => {
    const { waiting, command } = gate();
    const server = await start({ commands: { slow: command } });
    const client = await TestClient.initialized(server);
    client.send({ tag: 1, cmd: 'slow' }, { tag: 2, cmd: 'slow' });
    await until(() => waiting.length === 2);
    client.socket.terminate();
    await until(() => server.live.dropped.length === 1);
    for (const go of waiting) go();
    await until(() => server.live.dropped.length === 2);
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

  test('[DUR5] an endless message in tiny fragments is cut off', async () => {
    const { client, server } = await raw();
    client.write(clientFrame('{', 1, false));
    client.write(Buffer.concat(Array.from({ length: 5000 }, () => clientFrame(' ', 0, false))));
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

describe('metrics', () => {
  test('[LIM2] commands in flight are counted over WebSocket and HTTP', async () => {
    const metrics = new Readings();
    const answers: (() => void)[] = [];
    const slow: TestCommand = () =>
      new Promise((resolve) => answers.push(() => resolve({ body: {} })));
    const server = await start({ metrics, commands: { slow, get: slow } });
    const client = await TestClient.initialized(server);
    client.send({ tag: 1, cmd: 'slow' }, { tag: 2, cmd: 'slow' });
    const authorization = `Bearer ${await server.tokens.mint({ uid: 'amal' })}`;
    const asked = fetch(`${server.url}/v0.1/things/1`, { headers: { authorization } });
    await until(() => answers.length === 3);
    expect(metrics.read('really_commands_in_flight')).toBe(3);
    expect(metrics.read('really_connection_addresses')).toBe(1);
    for (const answer of answers) answer();
    await Promise.all([client.receive(2), asked]);
    expect(metrics.read('really_commands_in_flight')).toBe(0);
  });
});

describe('the log', () => {
  test('[ENV5] [ERR3] the log has the traceId and the cause of a failure, and never a token', async () => {
    const lines: string[] = [];
    const write = (fields: object, message: string) => {
      lines.push(inspect({ fields, message }, { depth: 9 }));
    };
    const log: Log = {
      debug: write,
      info: write,
      warn: write,
      error: write,
      child: (more) => {
        const traced = (fields: object, text: string) => write({ ...more, ...fields }, text);
        return { ...log, info: traced, error: traced };
      },
    };
    const boom: TestCommand = () => Promise.reject(new Error('the cause'));
    const fine: TestCommand = () => Promise.resolve({ body: {} });
    const server = await start({ log, commands: { boom, fine } });
    const client = await TestClient.initialized(server);
    const good = await server.tokens.mint({ uid: 'amal' });
    const bad = `${good}x`;
    for (const accessToken of [good, bad]) client.send({ tag: 1, cmd: 'initialize', accessToken });
    client.send({ tag: 3, cmd: 'boom', traceId: 'trace-77', accessToken: good });
    client.send({ tag: 4, cmd: 'fine', r: '/users/1', traceId: 'trace-78' });
    const received = await client.receive(4);
    await fetch(`${server.url}/nothing?access_token=${good}`);
    const [, , failure = {}] = received;
    const { id } = failure.error as { id: string };
    expect(lines.some((line) => [id, 'trace-77', 'the cause'].every((x) => line.includes(x)))).toBe(
      true,
    );
    expect(lines.some((line) => line.includes('trace-78') && line.includes('/users/1'))).toBe(true);
    expect(lines.filter((line) => line.includes(good.slice(-20)))).toEqual([]);
    expect(JSON.stringify(received)).not.toContain('the cause');
  });
});

describe('shutting down', () => {
  test('[SES12] a shutdown finishes commands in flight, sends pushes and closes with 1001', async () => {
    const { waiting, command } = gate();
    let listener: PushTarget | undefined;
    const listen: TestCommand = (call) => {
      listener = call.pushTarget;
      return Promise.resolve({ body: {} });
    };
    const settle = async () => listener?.push(encodeFrame('{"evt":"updated"}'));
    const server = await start({ commands: { slow: command, listen }, settle });
    const client = await TestClient.initialized(server);
    client.send({ tag: 1, cmd: 'listen' }, { tag: 2, cmd: 'slow' });
    await until(() => waiting.length === 1);
    await client.receive(1);
    const closed = server.gateway.close();
    await expect(TestClient.open(server.url)).rejects.toThrow();
    client.send({ tag: 3, cmd: 'ping' });
    expect(client.socket.readyState).toBe(1);
    waiting[0]?.();
    expect(await client.closed).toEqual({ code: closeCodes.goingAway });
    expect(client.received).toEqual([{ tag: 1 }, { tag: 2, n: null }, { evt: 'updated' }]);
    await closed;
  });

  test('[SES12] a shutdown ends even if a command or a client does not', async () => {
    const { waiting, command } = gate();
    const platform = simulatedPlatform({ seed: 1 });
    const server = await openTestGateway({ platform, commands: { slow: command } });
    const client = await TestClient.initialized(server);
    client.send({ tag: 1, cmd: 'slow' });
    await until(() => waiting.length === 1);
    const unread = new RawClient(server.port);
    await unread.upgrade();
    let done = false;
    const closed = server.gateway.close().then(() => {
      done = true;
    });
    let passed = 0;
    while (!done) {
      platform.advance(5);
      passed += 5;
      await tick();
    }
    await closed;
    // It waited for the command as long as possible, and kept some time for closing.
    expect(passed).toBeGreaterThanOrEqual(3500);
    expect(passed).toBeLessThanOrEqual(7100);
    expect(await client.closed).toEqual({ code: closeCodes.goingAway });
    await unread.ended;
  });

  test('[SES12] queued messages are dropped when time runs short, and each client gets 1001', async () => {
    const { waiting, command } = gate();
    const platform = simulatedPlatform({ seed: 1 });
    const server = await openTestGateway({ platform, commands: { slow: command } });
    const client = await TestClient.initialized(server);
    const inFlight = defaultLimits.inFlight;
    client.send(...Array.from({ length: inFlight + 50 }, (_, n) => ({ tag: n + 1, cmd: 'slow' })));
    await until(() => waiting.length === inFlight);
    let done = false;
    const closed = server.gateway.close().then(() => {
      done = true;
    });
    let passed = 0;
    const pass = async (condition: () => boolean) => {
      for (; !condition(); passed += 5) {
        platform.advance(5);
        await tick();
      }
    };
    await pass(() => passed >= 2500);
    for (const finish of waiting.splice(0)) finish();
    await pass(() => done);
    await closed;
    expect(passed).toBeLessThan(7000);
    expect(await client.closed).toEqual({ code: closeCodes.goingAway });
    expect(client.received).toHaveLength(inFlight);
    expect(waiting).toEqual([]);
  });

  test('[SES12] closing twice is the same as closing once', async () => {
    const { gateway } = await openTestGateway();
    await Promise.all([gateway.close(), gateway.close()]);
  });
});
