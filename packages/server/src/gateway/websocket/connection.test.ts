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
