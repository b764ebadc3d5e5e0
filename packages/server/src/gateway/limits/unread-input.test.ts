import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Budgets } from '../../platform/budget.js';
import { Readings } from '../../platform/readings.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import {
  clientFrame,
  heldCommand,
  openTestGateway,
  RawClient,
  serverFrames,
  TestClient,
  testSecret,
} from '../gateway.fixture.js';
import { UnreadInput } from './unread-input.js';

const kib = 1024;

test('[LIM30] the largest holders of the largest address go first, and small ones do not count', () => {
  const readings = new Readings();
  const unread = new UnreadInput(new Budgets(readings), 100 * kib);
  const gone: string[] = [];
  const holder = (address: string, name: string) => ({ address, giveUp: () => gone.push(name) });
  const victim = holder('10.0.0.1', 'victim');
  unread.set(victim, 50 * kib);
  unread.set(holder('10.0.0.2', 'little'), 15 * kib);
  const heavy = [20, 22, 21].map((n) => [holder('10.0.0.2', String(n)), n * kib] as const);
  for (const [holder, bytes] of heavy) unread.set(holder, bytes);
  expect(gone).toEqual(['22']);
  expect(readings.read('really_limit_used limits.input')).toBe(91 * kib);
  expect(readings.read('really_limit_refused_total limits.input')).toBe(1);
  unread.set(victim, 0);
  expect(readings.read('really_limit_used limits.input')).toBe(41 * kib);
});

async function start(limits: Record<string, number> = {}) {
  const platform = simulatedPlatform({ seed: 1, now: Date.UTC(2026, 0, 1) });
  const readings = new Readings();
  const server = await openTestGateway({ platform, limits, metrics: readings });
  const token = await server.tokens.mint({ uid: 'amal' });
  return { server, token, platform, readings };
}

const post = (token: string, length: number, more = '') =>
  `POST /v0.1/users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n${more}Content-Length: ${length}\r\n\r\n`;

test('[LIM30] incomplete messages are held up to a total; the largest holder is closed with 1013', async () => {
  const { server, token, readings } = await start({ input: 200 * kib });
  const clients = [];
  for (const bytes of [60, 120, 60]) {
    const raw = new RawClient(server.port);
    await raw.upgrade();
    raw.write(clientFrame(JSON.stringify({ tag: 1, cmd: 'initialize', accessToken: token })));
    await raw.until((received) => received.length > 0);
    const before = readings.read('really_limit_used limits.input');
    const part = clientFrame('x'.repeat(30 * kib), 1, false);
    const next = clientFrame('x'.repeat(30 * kib), 0, false);
    raw.write(part);
    for (let more = 30; more < bytes; more += 30) raw.write(next);
    clients.push(raw);
    if (bytes < 100 && clients.length > 2) continue;
    while (readings.read('really_limit_used limits.input') < before + bytes * kib) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await clients[1]?.ended;
  const frames = serverFrames(clients[1]?.bytes ?? Buffer.alloc(0));
  expect(frames.at(-1)?.payload.readUInt16BE(0)).toBe(1013);
  expect(clients[0]?.socket.destroyed).toBe(false);
  for (const { socket } of clients) socket.destroy();
  await server.close();
});

test('[LIM30] messages count until their commands are answered, such as writes that wait for their commit', async () => {
  const readings = new Readings();
  const answers: (() => void)[] = [];
  const update = () =>
    new Promise<{ body: JsonObject }>((resolve) => answers.push(() => resolve({ body: {} })));
  const server = await openTestGateway({
    limits: { input: 200 * kib },
    metrics: readings,
    commands: { update },
  });
  const used = () => readings.read('really_limit_used limits.input');
  const filler = 'x'.repeat(60 * kib);
  const patient = await TestClient.initialized(server);
  patient.send({ tag: 1, cmd: 'update', r: '/a/1', filler });
  await expect.poll(used).toBeGreaterThan(60 * kib);
  answers.shift()?.();
  await patient.receive(1);
  expect(used()).toBe(0);
  const heavy = await TestClient.initialized(server, 'heavy');
  for (let tag = 1; tag < 5; tag++) heavy.send({ tag, cmd: 'update', r: `/a/${tag}`, filler });
  expect(await heavy.closed).toEqual({ code: 1013 });
  expect(used()).toBe(0);
  await server.close();
});

test('[LIM30] a command counts with what it takes until it is answered, however small its message is', async () => {
  const readings = new Readings();
  const answers: (() => void)[] = [];
  const update = () =>
    new Promise<{ body: JsonObject }>((resolve) => answers.push(() => resolve({ body: {} })));
  const server = await openTestGateway({
    limits: { input: 200 * kib },
    metrics: readings,
    commands: { update },
  });
  const used = () => readings.read('really_limit_used limits.input');
  const patient = await TestClient.initialized(server);
  for (let tag = 1; tag <= 20; tag++) patient.send({ tag, cmd: 'update', r: `/a/${tag}` });
  await expect.poll(() => answers.length).toBe(20);
  expect(used()).toBeGreaterThan(60 * kib);
  for (const answer of answers.splice(0, 15)) answer();
  await patient.receive(15);
  expect(used()).toBeLessThan(40 * kib);
  for (const answer of answers.splice(0)) answer();
  await patient.receive(20);
  expect(used()).toBe(0);
  const heavy = await TestClient.initialized(server, 'heavy');
  for (let tag = 1; tag <= 60; tag++) heavy.send({ tag, cmd: 'update', r: `/a/${tag}` });
  expect(await heavy.closed).toEqual({ code: 1013 });
  await server.close();
});

/** Short, but it takes more than 240 KiB when it is parsed. */
const manyLists = `{"tag":9,"cmd":"update","r":"/a/1","lists":[${'[],'.repeat(5999)}[]]}`;

test('[LIM30] messages count with the memory of their lists and objects', async () => {
  const readings = new Readings();
  const held = heldCommand({ body: {} });
  const server = await openTestGateway({ metrics: readings, commands: { update: held.command } });
  const used = () => readings.read('really_limit_used limits.input');
  const client = await TestClient.initialized(server);
  client.send(JSON.parse(manyLists));
  await held.asked;
  expect(used()).toBeGreaterThan(240 * kib);
  held.answer();
  await client.receive(1);
  expect(used()).toBe(0);
  await server.close();
});

test('[LIM30] so do bodies, until the response is over', async () => {
  const readings = new Readings();
  const held = heldCommand({ body: { body: { _r: '/users/1', _rev: 1 } } });
  const server = await openTestGateway({ metrics: readings, commands: { create: held.command } });
  const token = await server.tokens.mint({ uid: 'amal' });
  const used = () => readings.read('really_limit_used limits.input');
  const raw = new RawClient(server.port);
  raw.write(post(token, manyLists.length) + manyLists);
  await held.asked;
  expect(used()).toBeGreaterThan(240 * kib);
  held.answer();
  await raw.until((bytes) => bytes.includes('HTTP/1.1 201'));
  await expect.poll(used).toBe(0);
  raw.socket.destroy();
  await server.close();
});

test('[LIM30] a body that takes too much when it is parsed is 503; one whose command runs is cut off', async () => {
  const readings = new Readings();
  const held = heldCommand({ body: {} });
  const server = await openTestGateway({
    limits: { input: 400 * kib },
    metrics: readings,
    commands: { create: held.command },
  });
  const token = await server.tokens.mint({ uid: 'amal' });
  const first = new RawClient(server.port);
  first.write(post(token, manyLists.length) + manyLists);
  await held.asked;
  const second = new RawClient(server.port);
  const larger = manyLists.replace('[[],', '[[],[],');
  second.write(post(token, larger.length) + larger);
  await second.until((bytes) => bytes.includes('server.unavailable'));
  expect(second.text).toContain('HTTP/1.1 503');
  const third = new RawClient(server.port);
  const smaller = manyLists.replace('[[],[],', '[[],');
  third.write(post(token, smaller.length) + smaller);
  expect(await first.ended).toBe('');
  held.answer();
  for (const { socket } of [second, third]) socket.destroy();
  await server.close();
});

test('[LIM30] small messages that wait count with what they take, until they are handled', async () => {
  const readings = new Readings();
  const held = heldCommand({ body: {} });
  const server = await openTestGateway({
    limits: { inFlight: 1 },
    metrics: readings,
    commands: { update: held.command },
  });
  const used = () => readings.read('really_limit_used limits.input');
  const raw = new RawClient(server.port);
  await raw.upgrade();
  const accessToken = await server.tokens.mint({ uid: 'amal' });
  raw.write(clientFrame(JSON.stringify({ tag: 1, cmd: 'initialize', accessToken })));
  await raw.until((received) => received.includes('initialized'));
  raw.write(clientFrame('{"tag":2,"cmd":"update"}'));
  await held.asked;
  const ping = clientFrame('{"tag":3,"cmd":"ping"}');
  raw.write(Buffer.concat([...Array(500).fill(ping), clientFrame('{"tag":4,"cmd":"ping"}')]));
  await expect.poll(used).toBeGreaterThan(125 * kib);
  held.answer();
  await raw.until((received) => received.includes('"tag":4'));
  expect(used()).toBe(0);
  raw.socket.destroy();
  await server.close();
});

test('[LIM30] what a client sent of a message counts until its socket is gone', async () => {
  const { server, readings } = await start();
  const raw = new RawClient(server.port);
  await raw.upgrade();
  raw.write(clientFrame('x'.repeat(30 * kib), 1, false));
  // A second message may not begin here.
  raw.write(clientFrame('x', 1));
  await raw.until((bytes) => bytes.length > 0);
  expect(serverFrames(raw.bytes)[0]?.payload.readUInt16BE(0)).toBe(1002);
  expect(readings.read('really_limit_used limits.input')).toBeGreaterThan(30 * kib);
  raw.socket.destroy();
  await expect.poll(() => readings.read('really_limit_used limits.input')).toBe(0);
  await server.close();
});

test('[LIM28] an endless message before initialize is closed with 1009 before it is large', async () => {
  const { server } = await start();
  const raw = new RawClient(server.port);
  await raw.upgrade();
  for (let n = 0; n < 20; n++) raw.write(clientFrame('x'.repeat(30 * kib), n === 0 ? 1 : 0, false));
  await raw.ended;
  expect(serverFrames(raw.bytes).at(-1)?.payload.readUInt16BE(0)).toBe(1009);
  await server.close();
});

test('[HTTP17] without a token or over the limit, a request is refused before its body is read', async () => {
  const { server, token } = await start();
  const answers: [string, string][] = [
    [post('nonsense', 1000), '401'],
    [post(token, 2 * kib * kib, 'Expect: 100-continue\r\n'), '413'],
    [post('nonsense', 1000, 'Expect: 100-continue\r\n'), '401'],
  ];
  for (const [request, status] of answers) {
    const raw = new RawClient(server.port);
    raw.write(request);
    await raw.until((bytes) => bytes.includes('\r\n\r\n'));
    expect(raw.text.slice(9, 12)).toBe(status);
    expect(raw.text.includes('100 Continue')).toBe(false);
    if (request.includes('Expect')) expect(raw.text.toLowerCase()).toContain('connection: close');
    raw.socket.destroy();
  }
  const asked = new RawClient(server.port);
  asked.write(post(token, 9, 'Expect: 100-continue\r\n'));
  await asked.until((bytes) => bytes.includes('100 Continue'));
  asked.write('not JSON!');
  await asked.until((bytes) => bytes.includes('json.malformed'));
  expect(asked.text.toLowerCase()).not.toContain('connection: close');
  asked.socket.destroy();
  await server.close();
});

test('[LIM30] bodies count, too: the largest is answered 503', async () => {
  const { server, token } = await start({ input: 100 * kib });
  const raw = new RawClient(server.port);
  raw.write(post(token, 500 * kib) + 'x'.repeat(120 * kib));
  expect(await raw.ended).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1.*server\.unavailable/is);
  await server.close();
});

test('[LIM31] a body that does not arrive is answered 408', async () => {
  const { server, token, platform } = await start();
  const raw = new RawClient(server.port);
  raw.write(post(token, 500, 'Expect: 100-continue\r\n'));
  await raw.until((bytes) => bytes.includes('100 Continue'));
  platform.advance(20_001);
  expect(await raw.ended).toMatch(/408 .*request\.timeout/s);
  await server.close();
});

test('[HTTP17] the app’s secret is checked before the body is read', async () => {
  const { server } = await start();
  const raw = new RawClient(server.port);
  const head = 'POST /auth/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n';
  raw.write(`${head}\r\n`);
  await raw.until((bytes) => bytes.includes('\r\n\r\n'));
  expect(raw.text.slice(9, 12)).toBe('403');
  raw.socket.destroy();
  const admitted = new RawClient(server.port);
  admitted.write(`${head}X-Really-Secret: ${testSecret}\r\nExpect: 100-continue\r\n\r\n`);
  await admitted.until((bytes) => bytes.includes('100 Continue'));
  admitted.socket.destroy();
  await server.close();
});
