import { beforeEach, expect, test } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import '../live/mod.js';
import { ReallyError } from '../really-error.js';

let world: FakeWorld;
beforeEach(() => {
  world = new FakeWorld();
});

const pings = () => world.socket.all('ping').length;

test('[TSC5] connects to the address of the server, whatever form it has', async () => {
  for (const url of ['ws://test', 'http://test/', 'ws://test/v0.1/socket']) {
    const { Really } = await import('../really.js');
    const client = new Really(url, { token: 't', platform: world.platform });
    await world.settle();
    expect(world.socket.url).toBe('ws://test/v0.1/socket');
    client.close();
  }
  const { Really } = await import('../really.js');
  expect(() => new Really('ftp://test', { token: 't', platform: world.platform })).toThrow(
    /expected one such as wss:/,
  );
});

test('[TSC5] states of the connection, each with a snapshot that stays the same', async () => {
  const client = world.client();
  const states: string[] = [];
  client.connection.subscribe(() => states.push(client.connection.getSnapshot().state));
  expect(client.connection.getSnapshot().state).toBe('connecting');
  await world.reconnect();
  const snapshot = client.connection.getSnapshot();
  expect(client.connection.getSnapshot()).toBe(snapshot);
  expect(snapshot).toMatchObject({ state: 'connected', pendingWrites: 0 });
  world.socket.drop();
  const lost = client.connection.getSnapshot();
  expect(lost).toMatchObject({ state: 'disconnected', reason: 'closed (1006)' });
  expect((lost as { retryAt: number }).retryAt - world.wall).toBeCloseTo(187.5);
  await world.pass(188);
  await world.reconnect();
  client.close();
  expect(client.connection.getSnapshot().state).toBe('closed');
  expect(world.socket.closeCode).toBe(1000);
  await world.pass(100_000);
  expect(states).toEqual(['connected', 'disconnected', 'connecting', 'connected', 'closed']);
  expect(world.timers).toBe(0);
});

test('[TSC5] the pauses between attempts grow, and begin again after a connection that lasted', async () => {
  const client = world.client();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 10; attempt++) {
    await world.settle();
    world.socket.drop();
    await world.settle();
    const state = client.connection.getSnapshot();
    if (state.state !== 'disconnected') throw new Error(state.state);
    waits.push(state.retryAt - world.wall);
    await world.pass(state.retryAt - world.wall);
  }
  expect(waits.map((wait) => wait / 0.75)).toEqual([
    ...[250, 500, 1000, 2000, 4000, 8000, 16_000],
    ...[20_000, 20_000, 20_000],
  ]);
  await world.reconnect();
  await world.pass(3_000);
  world.socket.drop();
  expect(client.connection.getSnapshot()).toMatchObject({ retryAt: world.wall + 15_000 });
  await world.pass(15_000);
  await world.reconnect();
  for (let second = 0; second < 3; second++) {
    await world.pass(5_000);
    world.socket.say({ evt: 'schemaUpdated', r: '/x/*' });
  }
  world.socket.drop();
  expect(client.connection.getSnapshot()).toMatchObject({ retryAt: world.wall + 187.5 });
  client.close();
});

test('[TSC5] tries at once when the device is back, or its clock jumped', async () => {
  const client = world.client();
  await world.settle();
  for (let attempt = 0; attempt < 8; attempt++) {
    world.socket.drop();
    await world.settle();
    world.wake();
    await world.settle();
  }
  expect(world.sockets).toHaveLength(9);
  world.socket.drop();
  await world.pass(1_000);
  expect(world.sockets).toHaveLength(9);
  world.sleep(600_000);
  await world.pass(2_000);
  expect(world.sockets).toHaveLength(10);
  client.close();
});

test('[TSC5] refused: what HTTP says of a socket that does not open', async () => {
  const client = world.client();
  await world.settle();
  world.refusal = 'protocol version is not supported';
  world.socket.drop();
  await world.settle();
  expect(client.connection.getSnapshot()).toMatchObject({
    state: 'refused',
    reason: 'protocol version is not supported',
  });
  await world.pass(100_000);
  expect(world.sockets).toHaveLength(1);
  client.close();
});

test('[TSC5] a socket that ends with an error alone is given up at once, and tried again', async () => {
  const client = world.client();
  await world.settle();
  world.socket.onerror?.(undefined as never);
  await world.settle();
  expect(client.connection.getSnapshot()).toMatchObject({
    state: 'disconnected',
    reason: 'could not connect',
  });
  await world.pass(300);
  expect(world.sockets).toHaveLength(2);
  client.close();
});

test('[TSC5] an attempt that hangs is made again when the device is back', async () => {
  const client = world.client();
  await world.settle();
  world.wake();
  await world.settle();
  expect(world.sockets).toHaveLength(1);
  await world.pass(4_000);
  world.wake();
  await world.settle();
  expect(world.sockets).toHaveLength(2);
  expect(world.sockets[0]?.isClosed).toBe(true);
  client.close();
});

test('[TSC5] an attempt that hangs is given up', async () => {
  const client = world.client();
  await world.pass(15_000);
  expect(client.connection.getSnapshot()).toMatchObject({
    state: 'disconnected',
    reason: 'no answer while connecting',
  });
  client.close();
});

test('[TSC5] a dead connection is noticed within 15 s', async () => {
  const client = await world.connected();
  await world.pass(12_000);
  expect(pings()).toBe(1);
  expect(client.connection.getSnapshot().state).toBe('disconnected');
  // What a socket says that was given up is not heard.
  const [dead] = world.sockets;
  dead?.say({ evt: 'snapshot', r: '/a/1', rev: 1, body: {} });
  dead?.drop();
  client.close();
});

test('[TSC5] a connection that answers stays, and the server hears from it in time', async () => {
  const client = await world.connected();
  for (let turn = 0; turn < 30; turn++) {
    await world.pass(6_000);
    if (pings() > turn) world.socket.answer('ping', { evt: 'pinged' });
  }
  expect(client.connection.getSnapshot().state).toBe('connected');
  // Pushes do not count for the server: it wants to hear something itself.
  const before = pings();
  for (let second = 0; second < 100; second++) {
    await world.pass(1_000);
    world.socket.say({ evt: 'schemaUpdated', r: '/x/*' });
  }
  expect(pings()).toBeGreaterThanOrEqual(before + 2);
  expect(client.connection.getSnapshot().state).toBe('connected');
  client.close();
});

test('[TSC5] a timer that was held back gives what has arrived the time to be heard', async () => {
  const client = await world.connected();
  await world.pass(6_000);
  expect(pings()).toBe(1);
  // The device sleeps, with its timers.
  await world.passLate(60_000);
  expect(client.connection.getSnapshot().state).toBe('connected');
  world.socket.answer('ping', { evt: 'pinged' });
  await world.pass(2_000);
  // It was silent for long, so it asked again.
  world.socket.answer('ping', { evt: 'pinged' });
  expect(client.connection.getSnapshot().state).toBe('connected');
  await world.pass(6_000);
  await world.passLate(60_000);
  expect(world.sockets).toHaveLength(1);
  await world.pass(1_000);
  expect(world.socket.isClosed).toBe(true);
  client.close();
});

test('[TSC5] where timers fire once a minute, a dead connection is noticed by the third, or soon after the page is shown', async () => {
  world.timersFireEvery(60_000);
  const client = await world.connected();
  await world.pass(180_000);
  expect(client.connection.getSnapshot().state).not.toBe('connected');
  await world.pass(60_000);
  await world.reconnect();
  // It was asked whether it is there, and nobody looked at the answer that did not come.
  await world.pass(60_000);
  expect(client.connection.getSnapshot().state).toBe('connected');
  world.timersFireEvery(0);
  world.wake();
  await world.pass(15_000);
  expect(client.connection.getSnapshot().state).not.toBe('connected');
  client.close();
});

test('[TSC5] where timers fire once a second, a dead connection is noticed within 15 s', async () => {
  world.timersFireEvery(1_000);
  const client = await world.connected();
  await world.pass(15_000);
  expect(client.connection.getSnapshot().state).not.toBe('connected');
  client.close();
});

test('[TSC5] when the device is back, the connection has to show that it is alive', async () => {
  const client = await world.connected();
  await world.pass(1_000);
  world.wake();
  expect(pings()).toBe(1);
  world.wake();
  expect(pings()).toBe(1);
  await world.pass(6_000);
  expect(client.connection.getSnapshot().state).toBe('disconnected');
  client.close();
});

test('[TSC5] refused: what the server will never take', async () => {
  const client = world.client();
  await world.settle();
  world.socket.open();
  world.socket.say({ error: { code: 400, message: 'initialize.invalid' } });
  expect(client.connection.getSnapshot()).toMatchObject({
    state: 'refused',
    reason: 'initialize.invalid',
  });
  expect(world.warnings).toEqual(['really: refused: initialize.invalid']);
  await world.pass(100_000);
  world.wake();
  await world.settle();
  expect(world.sockets).toHaveLength(1);
  client.connection.connect();
  await world.reconnect();
  expect(client.connection.getSnapshot().state).toBe('connected');
  client.close();
});

test('[TSC7] the token is asked for at each connect, and renewed on the open socket', async () => {
  const tokens: string[] = [];
  const token = async () => {
    tokens.push(`t${tokens.length + 1}`);
    return tokens.at(-1) ?? null;
  };
  const client = world.client({ token });
  await world.settle();
  world.socket.open();
  const expires = new Date(world.wall + 600_000).toISOString();
  world.socket.initialized({ expires });
  const { socket } = world;
  const alive = async (ms: number) => {
    for (let rest = ms; rest > 0; rest -= 5_000) {
      await world.pass(Math.min(5_000, rest));
      socket.say({ evt: 'schemaUpdated', r: '/x/*' });
    }
  };
  await alive(539_000);
  expect(tokens).toEqual(['t1']);
  await alive(2_000);
  expect(tokens).toEqual(['t1', 't2']);
  expect(socket.last('initialize')).toMatchObject({ accessToken: 't2' });
  expect(socket.last('initialize')).not.toHaveProperty('connection-handle');
  socket.initialized({ expires: new Date(world.wall + 600_000).toISOString() });
  expect(client.connection.getSnapshot().state).toBe('connected');
  expect(world.sockets).toHaveLength(1);
  socket.drop();
  await world.pass(400);
  await world.reconnect();
  expect(tokens).toEqual(['t1', 't2', 't3']);
  expect(world.socket.last('initialize')).toMatchObject({ accessToken: 't3' });
  client.close();
});

test('[TSC7] a renewal that changes the user is told, and one that does not is not', async () => {
  const user = { uid: 'amal', data: { team: 'blue' } };
  const client = await world.connected();
  const users: unknown[] = [];
  client.connection.subscribe(() => users.push(client.connection.getSnapshot().user));
  const renewed = async (body: object) => {
    client.connection.renew();
    await world.settle();
    world.socket.initialized(body as never);
  };
  await renewed({ user });
  await renewed({ user: structuredClone(user) });
  expect(users).toEqual([user]);
  expect(client.connection.getSnapshot()).toMatchObject({ state: 'connected', user });
  expect(client.user).toBe(client.connection.getSnapshot().user);
  world.socket.drop();
  expect(client.connection.getSnapshot().user).toBe(undefined);
  client.close();
});

test('[TSC7] a renewal that fails leaves needs-auth, and signing in again goes on', async () => {
  let token: string | null = 't1';
  const client = world.client({ token: () => token });
  await world.settle();
  world.socket.open();
  world.socket.initialized({ expires: new Date(world.wall + 30_000).toISOString() });
  token = null;
  for (let rest = 0; rest < 5; rest++) {
    await world.pass(4_500);
    if (!world.socket.isClosed) world.socket.say({ evt: 'schemaUpdated', r: '/x/*' });
  }
  expect(client.connection.getSnapshot()).toMatchObject({
    state: 'needs-auth',
    reason: 'there is no token',
  });
  expect(world.warnings).toEqual([]);
  token = 't2';
  client.connection.connect();
  await world.settle();
  world.socket.open();
  expect(world.socket.last('initialize')).toMatchObject({
    accessToken: 't2',
    'connection-handle': 'h1',
    received: 4,
  });
  client.close();
});

test('[TSC7] a token that cannot be fetched is asked for again while the old one is good', async () => {
  let failures = 0;
  let isDown = false;
  const token = () => {
    if (!isDown) return 't';
    failures += 1;
    throw new Error('503');
  };
  const client = world.client({ token });
  await world.settle();
  world.socket.open();
  world.socket.initialized({ expires: new Date(world.wall + 12_000).toISOString() });
  isDown = true;
  await world.pass(9_000);
  world.socket.answer('ping', { evt: 'pinged' });
  expect(failures).toBeGreaterThanOrEqual(1);
  expect(client.connection.getSnapshot().state).toBe('connected');
  await world.pass(5_000);
  expect(client.connection.getSnapshot()).toMatchObject({
    state: 'needs-auth',
    reason: 'no token: 503',
  });
  client.close();
});

test('[TSC7] a clock that is ahead says nothing about a token that cannot be fetched', async () => {
  let isDown = false;
  let calls = 0;
  const token = () => {
    calls += 1;
    if (!isDown) return 't';
    throw new Error('503');
  };
  const client = world.client({ token });
  await world.settle();
  world.socket.open();
  world.socket.initialized({ expires: new Date(world.wall - 600_000).toISOString() });
  isDown = true;
  for (let at = 0; at < 8; at++) {
    await world.pass(5_000);
    world.socket.say({ evt: 'schemaUpdated', r: '/x/*' });
  }
  expect([calls > 1, client.connection.getSnapshot().state]).toEqual([true, 'connected']);
  isDown = false;
  await world.pass(2_000);
  world.socket.initialized({ expires: new Date(world.wall + 600_000).toISOString() });
  expect(client.connection.getSnapshot().state).toBe('connected');
  // In the end the server says it.
  isDown = true;
  world.socket.say({ evt: 'token-expired' });
  world.socket.drop(1008);
  await world.pass(400);
  expect(client.connection.getSnapshot().state).toBe('needs-auth');
  client.close();
});

test('[TSC7] offline at the start, a token that cannot be fetched is no reason to sign in', async () => {
  let isDown = true;
  const token = () => {
    if (isDown) throw new Error('offline');
    return 't';
  };
  const client = world.client({ token });
  await world.settle();
  expect(client.connection.getSnapshot()).toMatchObject({
    state: 'disconnected',
    reason: 'no token: offline',
  });
  isDown = false;
  await world.pass(400);
  await world.reconnect();
  expect(client.connection.getSnapshot().state).toBe('connected');
  client.close();
});

test('[TSC7] a token that is refused is asked for once more, then the user has to sign in', async () => {
  let count = 0;
  const client = world.client({ token: () => `t${++count}` });
  const refuse = () =>
    world.socket.answer('initialize', {
      error: {
        code: 401,
        message: 'invalid/incorrect/expired access token',
        errors: { accessToken: ['token.expired'] },
      },
    });
  await world.settle();
  world.socket.open();
  refuse();
  await world.settle();
  expect(world.socket.all('initialize').map(({ accessToken }) => accessToken)).toEqual([
    't1',
    't2',
  ]);
  refuse();
  expect(client.connection.getSnapshot()).toMatchObject({
    state: 'needs-auth',
    reason: 'token.expired',
  });
  expect(world.warnings).toEqual(['really: needs-auth: token.expired']);
  client.close();
});

test('[TSC7] token-expired: the next connect has another token, or the user has to sign in', async () => {
  let isOut = false;
  const token = () => {
    if (isOut) throw new Error('signed out');
    return 't';
  };
  const client = await world.connected({ token });
  isOut = true;
  world.socket.say({ evt: 'token-expired' });
  world.socket.drop(1008);
  await world.pass(400);
  expect(client.connection.getSnapshot().state).toBe('needs-auth');
  client.close();
});

test('[TSC9] reads reject with a ReallyError that says what to do', async () => {
  const client = await world.connected();
  const read = client.object('/users/1').get();
  await world.settle();
  world.socket.answer('get', {
    r: '/users/1',
    error: { code: 429, message: 'rate.limited', errors: { cmd: ['beyond'] } },
    meta: { retryAfter: 3 },
  });
  const error = await read.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ReallyError);
  expect(error).toMatchObject({
    code: 429,
    message: 'rate.limited',
    errors: { cmd: ['beyond'] },
    r: '/users/1',
    retry: 'backoff',
    retryAfter: 3,
  });
  client.close();
});

test('[TSC9] AbortSignal ends a read, and a time limit counts only while it is sent', async () => {
  const client = world.client();
  const abort = new AbortController();
  const reason = new Error('left the page');
  const aborted = client.object('/users/1').get({ signal: abort.signal });
  abort.abort(reason);
  await expect(aborted).rejects.toMatchObject({ code: 0, message: 'aborted', cause: reason });
  await expect(client.object('/a/1').get({ signal: abort.signal })).rejects.toThrow('aborted');
  await expect(client.object('/a/1').get({ queue: false })).rejects.toThrow('offline');
  const slow = client.object('/users/2').get({ timeout: 2_000 });
  slow.catch(() => {});
  await world.pass(10_000);
  await world.reconnect();
  expect(world.socket.all('get').map(({ r }) => r)).toEqual(['/users/2']);
  await world.pass(1_500);
  await world.lose();
  // It is sent again, and has its time again.
  expect(world.socket.all('get')).toHaveLength(1);
  await world.pass(1_500);
  world.socket.say({ evt: 'schemaUpdated', r: '/x/*' });
  await world.pass(1_000);
  await expect(slow).rejects.toMatchObject({ message: 'request.timeout', retry: 'backoff' });
  const open = client.collection('/users').count();
  open.catch(() => {});
  client.close();
  await expect(open).rejects.toThrow('connection.closed');
  await expect(client.collection('/users').count()).rejects.toThrow('connection.closed');
});

test('[TSC11] models of another server than the types are one warning, however often it connects', async () => {
  const client = world.client({ models: 'a1' });
  await world.reconnect({ models: 'a1' });
  expect(world.socket.last('initialize')).toMatchObject({ models: 'a1' });
  expect(world.warnings).toEqual([]);
  await world.lose({ models: 'b2' });
  await world.lose({ models: 'b2' });
  await world.lose({ models: 'c3' });
  expect(world.warnings).toEqual([expect.stringContaining('really models types')]);
  client.close();
});

test('[TSC11] a server that says nothing of its models, and a client without types, are no difference', async () => {
  const client = world.client({ models: 'a1' });
  await world.reconnect();
  client.close();
  const untyped = world.client();
  await world.reconnect();
  expect(world.socket.last('initialize')).not.toHaveProperty('models');
  expect(world.warnings).toEqual([]);
  untyped.close();
});

test('[TSC4] [TSC5] what is asked for when the connection tells that it is there arrives', async () => {
  const client = world.client();
  const names: unknown[] = [];
  const end = client.connection.subscribe(() => {
    end();
    const list = client.live(client.collection('/x'));
    list.subscribe(() => names.push(list.value?.map(({ name }) => name)));
  });
  await world.reconnect();
  const body = { items: [{ body: { _r: '/x/1', _rev: 1, name: 'one' } }] };
  world.socket.answer('read', { meta: { subscription: 'q1' }, body });
  expect(names).toEqual([['one']]);
  expect(world.socket.all('read')).toHaveLength(1);
  client.close();
});

test('[TSC7] a renewal that is asked for while it connects is done once it has', async () => {
  const tokens = ['before', 'after'];
  const client = world.client({ token: () => tokens.shift() ?? 'none' });
  client.connection.renew();
  await world.reconnect();
  await world.settle();
  const sent = world.socket.all('initialize').map(({ accessToken }) => accessToken);
  expect(sent).toEqual(['before', 'after']);
  client.close();
});

test('[TSC7] a renewal that is asked for during another one is done after it', async () => {
  let user = 0;
  const client = await world.connected({ token: () => `t${user}` });
  const { socket } = world;
  const sent = () => socket.all('initialize').map(({ accessToken }) => accessToken);
  user = 1;
  client.connection.renew();
  await world.settle();
  user = 2;
  client.connection.renew();
  client.connection.renew();
  await world.settle();
  expect(sent()).toEqual(['t0', 't1']);
  socket.initialized();
  await world.settle();
  expect(sent()).toEqual(['t0', 't1', 't2']);
  socket.initialized();
  await world.settle();
  expect(sent()).toEqual(['t0', 't1', 't2']);
  client.close();
});

test('[TSC7] a renewal that is asked for before the session has no token is not forgotten', async () => {
  const fetches: ((token: string | null) => void)[] = [];
  const token = () => new Promise<string | null>((resolve) => fetches.push(resolve));
  const client = world.client({ token });
  const { connection } = client;
  // The user signs in while the client finds that nobody has.
  connection.renew();
  fetches[0]?.(null);
  await world.pass(400);
  fetches[1]?.('t1');
  await world.reconnect();
  expect(connection.getSnapshot().state).toBe('connected');
  expect(fetches).toHaveLength(2);
  connection.renew();
  connection.renew();
  fetches[2]?.(null);
  await world.pass(400);
  fetches[3]?.('t3');
  await world.reconnect();
  expect(world.socket.last('initialize').accessToken).toBe('t3');
  expect(connection.getSnapshot().state).toBe('connected');
  connection.renew();
  fetches[4]?.(null);
  await world.settle();
  expect(connection.getSnapshot().state).toBe('needs-auth');
  client.close();
});

test('[TSC7] a renewal that is asked for during one that fails is done at once', async () => {
  const fetches: ((token: string) => void)[] = [];
  const failures: (() => void)[] = [];
  const token = () =>
    new Promise<string>((resolve, reject) => {
      fetches.push(resolve);
      failures.push(() => reject(new Error('503')));
    });
  const client = world.client({ token });
  fetches[0]?.('t0');
  await world.reconnect();
  client.connection.renew();
  client.connection.renew();
  failures[1]?.();
  await world.pass(0);
  expect(fetches).toHaveLength(3);
  failures[2]?.();
  await world.pass(1_000);
  // Nobody has asked since: the next attempt is after the pause.
  expect(fetches).toHaveLength(3);
  client.connection.renew();
  fetches[3]?.('t3');
  await world.settle();
  expect(world.socket.last('initialize')).toMatchObject({ accessToken: 't3' });
  client.close();
});

test('[TSC7] a renewal that was asked for before the connection was lost is not done after it', async () => {
  const client = await world.connected();
  client.connection.renew();
  client.connection.renew();
  await world.lose();
  expect(world.socket.all('initialize')).toHaveLength(1);
  client.connection.renew();
  await world.settle();
  world.socket.initialized();
  await world.settle();
  expect(world.socket.all('initialize')).toHaveLength(2);
  client.close();
});
