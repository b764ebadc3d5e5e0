import { afterEach, describe, expect, test } from 'vitest';
import { asApp } from '../harness/auth.js';
import { testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { wireServer } from '../wire/wire-server.js';
import { CuttingProxy } from './cutting-proxy.js';
import { Really, ReallyError, type ReallyOptions } from './really-client.js';
import { StoryClock } from './stories/story-clock.js';

const server = wireServer({ REALLY_RATE_COMMANDS: '0', REALLY_RATE_ADDRESS: '0' });

const open: Really[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.close();
});

function clientAs(uid: string, url = server.url, options: Partial<ReallyOptions> = {}): Really {
  const token = () => signToken({ uid }, testSecret);
  const client = new Really(url, { token, ...options });
  open.push(client);
  return client;
}

let names = 0;
const fresh = () => `client-${++names}`;
const state = (client: Really) => client.connection.getSnapshot().state;

describe('requests', () => {
  test('[TSC1] create, get, update, read, count, batch and delete', async () => {
    const client = clientAs('amal');
    const users = client.collection('/users');
    const name = fresh();
    const made = await users.create({ name, age: 30 });
    expect(made).toMatchObject({ name, age: 30, locale: 'en', greeting: `Hello ${name}`, _rev: 1 });
    const user = client.object(made._r);
    expect(await user.get({ fields: ['name'] })).toEqual({ _r: made._r, _rev: 1, name });
    const updated = await user.update((u) => u.set('age', 31).push('tags', ['a', 'b']));
    expect(updated).toEqual({ r: made._r, rev: 2 });
    const mine = { filter: 'name = $name', values: { name } };
    const page = await users.read({ ...mine, includeTotalCount: true });
    expect(page).toMatchObject({ total: 1, items: [{ age: 31, tags: ['a', 'b'] }] });
    expect((await page.next()).items).toEqual([]);
    expect(await users.count(mine)).toBe(1);
    const results = await client.batch((b) => {
      const friend = b.create(users, { name: `${name}-2`, friend: made._r });
      b.update(client.object(friend as '/users/x'), (u) => u.addNumber('age', 5));
      b.update(user, (u) => u.set('friend', friend));
    });
    expect(results).toMatchObject([{ name: `${name}-2` }, { rev: 2 }, { rev: 3 }]);
    const post = await user.collection('posts').create({ title: 't' });
    expect(post._r).toMatch(`${made._r}/posts/`);
    await user.delete();
    const error = await user.get().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ReallyError);
    expect(error).toMatchObject({ code: 410, message: 'object.gone', retry: 'never', r: made._r });
  });

  test('[TSC2] pages in the order of the ids: those of the client sort as those of the server', async () => {
    const client = clientAs('amal');
    const parent = await client.collection('/users').create({ name: 'p' });
    const posts = client.object(parent._r).collection('posts');
    using raw = await server.as('amal');
    const titles: string[] = [];
    for (let at = 0; at < 6; at++) {
      titles.push(`t${at}`);
      if (at % 2 === 0) await posts.create({ title: `t${at}` });
      else await raw.request({ cmd: 'create', r: posts.r, body: { title: `t${at}` } });
    }
    const found: string[] = [];
    let page = await posts.read({ limit: 4 });
    while (page.items.length > 0) {
      found.push(...page.items.map(({ title }) => title));
      page = await page.next();
    }
    expect(found).toEqual(titles.toReversed());
  });
});

describe('live', () => {
  test('[TSC4] an object and a list, one copy, by other clients and by itself', async () => {
    const client = clientAs('amal');
    const other = clientAs('beno');
    const name = fresh();
    const user = await other.collection('/users').create({ name, age: 1 });
    const live = client.live(client.object(user._r));
    const list = client.live(client.collection('/users'), {
      ...{ filter: 'name = $name', values: { name }, sort: '-age' },
    });
    await expect.poll(() => list.value).toHaveLength(1);
    await expect.poll(() => live.value).toMatchObject({ age: 1 });
    expect(list.value?.[0]).toBe(live.value);
    const revs: unknown[] = [];
    live.subscribe((value, change) => {
      if (change.kind === 'updated') revs.push([change.rev, value?.age, change.by?.uid]);
    });
    await other.object(user._r).update((u) => u.addNumber('age', 1));
    const mine = client.object(user._r).update((u) => u.addNumber('age', 10));
    expect(Number(live.value?.age)).toBeGreaterThanOrEqual(11);
    await mine;
    await expect.poll(() => revs.length).toBe(2);
    expect(revs).toContainEqual([3, 12, 'amal']);
    const second = await other.collection('/users').create({ name, age: 50 });
    await expect.poll(() => list.value?.map(({ age }) => age)).toEqual([50, 12]);
    await other.object(second._r).delete();
    await expect.poll(() => list.value?.map(({ age }) => age)).toEqual([12]);
    await other.object(user._r).delete();
    await expect.poll(() => live.status).toBe('deleted');
    expect(live.getSnapshot().pending).toBe(false);
  });

  test('[TSC3] an object that is being created is there, and goes on as the server has it', async () => {
    const client = clientAs('amal');
    const create = client.collection('/users').create({ name: fresh() });
    const [{ r = '' } = {}] = create.commands;
    const live = client.live(client.object(r));
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: { _rev: 0 } });
    await create;
    await expect.poll(() => live.getSnapshot()).toMatchObject({ stale: false, pending: false });
    expect(live.value).toMatchObject({ locale: 'en', _rev: 1 });
  });
});

describe('failures', () => {
  test('[TSC2] [TSC6] the server is killed: writes wait, and count once; copies go on', async () => {
    await using proxy = await CuttingProxy.to(server.url);
    const client = clientAs('amal', proxy.url);
    const user = await client.collection('/users').create({ name: fresh(), age: 0 });
    const live = client.live(client.object(user._r));
    await expect.poll(() => live.value).toMatchObject({ age: 0 });
    const changes: string[] = [];
    live.subscribe((_value, change) => changes.push(change.kind));
    const add = () => client.object(user._r).update((u) => u.addNumber('age', 1));
    const writes = [add(), add()];
    const restarted = server.restart();
    for (let at = 0; at < 5; at++) writes.push(add());
    expect(live.value).toMatchObject({ age: 7 });
    await restarted;
    proxy.retarget(server.url);
    client.connection.connect();
    await Promise.all(writes);
    await expect.poll(() => live.getSnapshot()).toMatchObject({ stale: false, pending: false });
    expect(live.value).toMatchObject({ age: 7, _rev: 8 });
    expect(changes).not.toContain('reset');
    expect(await client.object(user._r).get()).toMatchObject({ age: 7 });
  });

  test('[TSC2] an answer that was lost: the write was applied, and counts once', async () => {
    await using proxy = await CuttingProxy.to(server.url);
    const client = clientAs('amal', proxy.url);
    const user = await client.collection('/users').create({ name: fresh(), age: 0 });
    using raw = await server.as('watcher');
    await raw.request({ cmd: 'subscribe', body: { subscriptions: [{ r: user._r, rev: 1 }] } });
    proxy.deafen();
    const write = client.object(user._r).update((u) => u.addNumber('age', 1));
    expect(await raw.nextPush()).toMatchObject({ evt: 'updated', rev: 2 });
    expect(write.state).toBe('sent');
    proxy.cut();
    expect(await write).toEqual({ r: user._r, rev: 2 });
    expect(await client.object(user._r).get()).toMatchObject({ age: 1 });
  });

  test('[TSC5] a network that says nothing is noticed, and given up', async () => {
    await using proxy = await CuttingProxy.to(server.url);
    const heartbeat = { silence: 200, answer: 200 };
    const client = clientAs('amal', proxy.url, { heartbeat });
    await expect.poll(() => state(client)).toBe('connected');
    proxy.silence();
    await expect.poll(() => state(client)).toBe('disconnected');
    proxy.cut();
    await expect.poll(() => state(client)).toBe('connected');
  });

  test('[TSC5] a version that the server does not speak is refused, and what is not there tried again', async () => {
    const refused = clientAs('amal', `${server.url}/v9/socket`);
    await expect
      .poll(() => refused.connection.getSnapshot())
      .toMatchObject({
        state: 'refused',
        reason: 'protocol version is not supported',
      });
    await using proxy = await CuttingProxy.to(server.url);
    proxy.close();
    const client = clientAs('amal', proxy.url);
    await expect.poll(() => state(client)).toBe('disconnected');
    proxy.cut();
    await expect.poll(() => state(client)).toBe('connected');
  });

  test('[TSC9] [LIM1] a write that is larger than a message may be is refused, and others go on', async () => {
    const client = clientAs('amal');
    const users = client.collection('/users');
    const large = users.create({ name: 'x'.repeat(1_100_000) });
    const small = users.create({ name: fresh() });
    await expect(large).rejects.toMatchObject({ code: 413, message: 'message.too.large' });
    expect(await small).toMatchObject({ _rev: 1 });
    expect(client.writes).toEqual([]);
  });

  test('[TSC6] resumed after a cut, with what was missed, also where only lists and new objects are', async () => {
    await using proxy = await CuttingProxy.to(server.url);
    const client = clientAs('amal', proxy.url);
    const other = clientAs('beno');
    const name = fresh();
    const users = other.collection('/users');
    const first = await users.create({ name, age: 1 });
    const list = client.live(client.collection('/users'), {
      ...{ filter: 'name = $name', values: { name }, sort: 'age' },
    });
    const changes: string[] = [];
    list.subscribe((_value, change) => changes.push(change.kind));
    await expect.poll(() => list.value).toHaveLength(1);
    proxy.close();
    await expect.poll(() => state(client)).not.toBe('connected');
    await users.create({ name, age: 2 });
    await other.object(first._r).delete();
    proxy.cut();
    client.connection.connect();
    await expect.poll(() => list.value?.map(({ age }) => age)).toEqual([2]);
    expect(changes).not.toContain('reset');
  });
});

describe('tokens', () => {
  test('[TSC7] renewed on the open socket before it expires, again and again', async () => {
    const clock = new StoryClock();
    let count = 0;
    const token = () => {
      count += 1;
      return signToken({ uid: 'amal', expires: clock.now + 60_000 }, testSecret);
    };
    // The clock of the client alone jumps ahead: for the server, each token is good for long.
    const heartbeat = { silence: 3_600_000, answer: 3_600_000 };
    const client = clientAs('amal', server.url, { token, heartbeat, platform: clock.platform });
    const states: string[] = [];
    client.connection.subscribe(() => states.push(state(client)));
    // How long it waits for the connection is by the same clock.
    await expect.poll(() => state(client)).toBe('connected');
    await expect
      .poll(() => {
        clock.jump(1_000);
        return count;
      })
      .toBeGreaterThan(3);
    expect(states).toEqual(['connected']);
  });

  test('[TSC7] a token that is refused leaves needs-auth; with another one it goes on where it was', async () => {
    const first = signToken({ uid: 'amal', jti: fresh() }, testSecret);
    let token: string | null = first;
    const client = clientAs('amal', server.url, { token: () => token });
    const user = await client.collection('/users').create({ name: fresh(), age: 0 });
    const live = client.live(client.object(user._r));
    await expect.poll(() => live.value).toBeDefined();
    token = 'no token';
    await asApp(`${server.url}/auth/tokens/revoke`, { token: first });
    await expect.poll(() => state(client)).toBe('needs-auth');
    const write = client.object(user._r).update((u) => u.addNumber('age', 1));
    expect(live.getSnapshot()).toMatchObject({ stale: true, value: { age: 1 } });
    token = signToken({ uid: 'amal' }, testSecret);
    client.connection.connect();
    await write;
    await expect.poll(() => live.getSnapshot()).toMatchObject({ stale: false, value: { age: 1 } });
  });
});
