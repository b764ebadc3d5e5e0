import { describe, expect, test } from 'vitest';
import { added, client, liveObject, r, snapshot, subscribed, world } from './live-copy.fixture.js';

describe('optimistic writes', () => {
  const add = () => client.object(r).update((u) => u.addNumber('n', 1));

  test('[TSC3] is drawn at once, and goes with the push that carries its id', async () => {
    const { live, heard } = await liveObject();
    const write = add();
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: { n: 6, _rev: 3 } });
    world.socket.answer('update', { rev: 4 });
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: { n: 6 } });
    world.socket.say(added(4, 6, { once: write.id }));
    expect(live.getSnapshot()).toMatchObject({ pending: false, value: { n: 6, _rev: 4 } });
    expect(heard.slice(1)).toEqual([
      ['local', '', 6],
      ['updated', 4, 6],
    ]);
  });

  test('[TSC3] replayed on what others do, and never drawn twice', async () => {
    const { live, heard } = await liveObject();
    void add();
    void add();
    world.socket.say(added(4, 6));
    expect(live.value).toMatchObject({ n: 8, _rev: 4 });
    world.socket.answer('update', { rev: 5 });
    world.socket.say(added(5, 7));
    expect(live.value).toMatchObject({ n: 8, _rev: 5 });
    world.socket.answer('update', { rev: 6 });
    world.socket.say(added(6, 8));
    expect(live.getSnapshot()).toMatchObject({ pending: false, value: { n: 8 } });
    expect(heard.map((entry) => (entry as unknown[])[2])).toEqual([5, 6, 7, 8, 8, 8]);
  });

  test('[TSC3] a refusal takes it back, with one event that has the present value', async () => {
    const { live, heard } = await liveObject();
    const values: unknown[] = [];
    client.on('write-refused', (refusal) => values.push(refusal.values.get(r)));
    const set = client.object(r).update((u) => u.set('n', 100));
    void add();
    expect(live.value).toMatchObject({ n: 101 });
    world.socket.answer('update', { error: { code: 409, message: 'object.revision.outdated' } });
    await expect(set).rejects.toThrow('object.revision.outdated');
    expect(live.value).toMatchObject({ n: 6 });
    expect(values).toMatchObject([{ n: 6 }]);
    expect(heard.slice(1).map((entry) => (entry as unknown[])[2])).toEqual([100, 101, 6]);
  });

  test('[TSC3] what somebody else did before an own write is not seen until it is shown', async () => {
    const { live } = await liveObject();
    void add();
    // Revision 4 is of somebody else, and its push is on its way.
    world.socket.answer('update', { rev: 5 });
    const set = () => client.object(r).update((u) => u.set('m', 1));
    const blind = set();
    expect(world.socket.last('update')).toMatchObject({ rev: 3 });
    world.socket.answer('update', { error: { code: 409, message: 'object.revision.outdated' } });
    await expect(blind).rejects.toThrow('object.revision.outdated');
    world.socket.say(added(4, 6));
    world.socket.say(added(5, 7));
    expect(live.value).toMatchObject({ n: 7, _rev: 5 });
    void set();
    expect(world.socket.last('update')).toMatchObject({ rev: 5 });
  });

  test('[TSC3] an own write that a copy has shown is seen also when the copy is gone', async () => {
    const { live } = await liveObject();
    const write = add();
    world.socket.say(added(4, 6, { once: write.id }));
    world.socket.say(added(5, 7));
    world.socket.answer('update', { rev: 4 });
    await write;
    live.close();
    await world.settle();
    void client.object(r).update((u) => u.set('m', 1));
    expect(world.socket.last('update')).toMatchObject({ rev: 5, body: { ops: [{ op: 'set' }] } });
  });

  test('[TSC3] what was written and may not be read is not shown for ever', async () => {
    const { live } = await liveObject();
    void client.object(r).update((u) => u.set('secret', 1));
    world.socket.answer('update', { rev: 4 });
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: { secret: 1 } });
    await world.pass(5_000);
    expect(live.getSnapshot().pending).toBe(false);
    expect(live.value).not.toHaveProperty('secret');
    client.close();
    expect(world.timers).toBe(0);
  });

  test('[TSC3] what is shown of a write waits for a push that was missed as long in the next session', async () => {
    const { live } = await liveObject();
    const write = add();
    world.socket.answer('update', { rev: 4 });
    await world.pass(4_000);
    await world.lose({ resumed: true });
    await world.pass(4_000);
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: { n: 6 } });
    world.socket.say(added(4, 6, { once: write.id }));
    expect(live.getSnapshot()).toMatchObject({ pending: false, value: { n: 6, _rev: 4 } });
  });

  test('[TSC3] a snapshot that may have a write in it waits for what became of the write', async () => {
    const { live, heard } = await liveObject();
    const write = add();
    await world.lose({ epoch: 'e1' });
    subscribed('v2');
    world.socket.say(snapshot(4, 6, 'v2'));
    world.socket.say(added(5, 7));
    expect(live.value).toMatchObject({ n: 6 });
    world.socket.answer('update', { rev: 4, meta: { repeated: true } });
    expect(live.getSnapshot()).toMatchObject({ pending: false, value: { n: 7, _rev: 5 } });
    await write;
    const values = heard.map((entry) => (entry as unknown[])[2]);
    expect(values.every((n, at) => at === 0 || Number(n) >= Number(values[at - 1]))).toBe(true);
  });

  test('[TSC3] a new object is there at once, and subscribed to when it is created', async () => {
    const create = client.collection('/a').create({ n: 1, none: null }, { id: 'new' });
    const live = client.live(client.object('/a/new'));
    expect(live.getSnapshot()).toMatchObject({
      ...{ status: 'live', stale: true, pending: true },
      value: { _r: '/a/new', _rev: 0, n: 1 },
    });
    await world.settle();
    const error = { code: 404, message: 'object.missing' };
    const failures = [{ r: '/a/new', error }];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect(live.status).toBe('live');
    world.socket.answer('create', { body: { _r: '/a/new', _rev: 1, n: 1 } });
    await create;
    await world.settle();
    expect(world.socket.all('subscribe')).toHaveLength(2);
    subscribed();
    world.socket.say({
      ...{ evt: 'snapshot', r: '/a/new', rev: 1, meta: { view: 'v' } },
      body: { _r: '/a/new', _rev: 1, n: 1 },
    });
    expect(live.getSnapshot()).toMatchObject({ stale: false, pending: false });
  });

  test('[TSC3] a deleted object is gone at once, and back if that is refused', async () => {
    const { live } = await liveObject();
    const remove = client.object(r).delete();
    expect(live.value).toBeUndefined();
    world.socket.answer('delete', { error: { code: 403, message: 'forbidden' } });
    await expect(remove).rejects.toThrow('forbidden');
    expect(live.value).toMatchObject({ n: 5 });
  });
});

test('[TSC3] a batch that writes twice to an object is seen whole, and goes by one revision after the other', async () => {
  const { live, heard } = await liveObject();
  const batch = client.batch((b) => {
    b.update(client.object(r), (u) => u.addNumber('n', 1));
    b.update(client.object(r), (u) => u.addNumber('n', 10));
  });
  expect(heard.at(-1)).toEqual(['local', '', 16]);
  const before = heard.length;
  // The answer is lost: the pushes alone say that it was done.
  await world.lose({ resumed: true });
  world.socket.say(added(4, 6, { once: batch.id }));
  expect(live.value).toMatchObject({ n: 16, _rev: 4 });
  world.socket.say(added(5, 16, { once: batch.id }));
  expect(live.value).toMatchObject({ n: 16, _rev: 5 });
  world.socket.answer('batch', { body: { results: [{ rev: 4 }, { rev: 5 }] } });
  expect(live.getSnapshot().pending).toBe(false);
  expect(heard.slice(before).map((change) => (change as unknown[])[2])).toEqual(
    heard.slice(before).map(() => 16),
  );
});

describe('what is refused while own writes are under way', () => {
  const forbidden = { error: { code: 403, message: 'forbidden' } };
  const join = () => client.collection('/a/1/members').create({}, { id: 'amal' });
  const answerJoin = async () => {
    world.socket.answer('create', { body: { _r: '/a/1/members/amal', _rev: 1 } });
    await world.settle();
  };
  const refuse = () => {
    const failures = [{ r, ...forbidden }];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    world.socket.answer('read', forbidden);
  };
  const asked = () => ['subscribe', 'read'].map((cmd) => world.socket.all(cmd).length);

  test.each([
    ['made before', true],
    ['made after', false],
  ])('[TSC17] is asked for again, once, when these are committed: %s', async (_, isBefore) => {
    if (isBefore) void join();
    const copies = [client.live(client.object(r)), client.live(client.collection('/a/1/posts'))];
    if (!isBefore) void join();
    await world.settle();
    refuse();
    await world.pass(5_000);
    expect([copies.map(({ status }) => status), asked()]).toEqual([
      ['loading', 'loading'],
      [1, 1],
    ]);
    await answerJoin();
    subscribed();
    world.socket.say(snapshot(3, 5));
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items: [] } });
    await world.pass(5_000);
    expect([copies.map(({ status }) => status), asked(), world.warnings]).toEqual([
      ['live', 'live'],
      [2, 2],
      [],
    ]);
  });

  test('[TSC17] also where the refusal comes after the answer to the write', async () => {
    void join();
    client.live(client.object(r));
    client.live(client.collection('/a/1/posts'));
    await world.settle();
    await answerJoin();
    refuse();
    await world.settle();
    expect(asked()).toEqual([2, 2]);
  });

  test('[TSC17] fails where it is refused again, whatever is written meanwhile', async () => {
    void join();
    const copies = [client.live(client.object(r)), client.live(client.collection('/a/1/posts'))];
    await world.settle();
    refuse();
    await answerJoin();
    void client.object(r).update((u) => u.addNumber('n', 1));
    refuse();
    world.socket.answer('update', { r, rev: 2 });
    await world.settle();
    expect([copies.map(({ status }) => status), asked()]).toEqual([
      ['failed', 'failed'],
      [2, 2],
    ]);
    expect(world.warnings).toHaveLength(2);
  });

  test('[TSC17] does not wait for ever where the server takes no writes', async () => {
    void join();
    const copies = [client.live(client.object(r)), client.live(client.collection('/a/1/posts'))];
    await world.settle();
    const error = { code: 503, message: 'server.unavailable' };
    world.socket.answer('create', { error, meta: { retryAfter: 3_600_000 } });
    refuse();
    const passQuarter = async () => {
      await world.pass(7_000);
      world.socket.answer('ping');
    };
    for (let quarter = 0; quarter < 4; quarter++) await passQuarter();
    expect([copies.map(({ status }) => status), asked()]).toEqual([
      ['loading', 'loading'],
      [1, 1],
    ]);
    await passQuarter();
    expect(asked()).toEqual([2, 2]);
    refuse();
    await world.settle();
    expect(copies.map(({ status }) => status)).toEqual(['failed', 'failed']);
  });

  test('[TSC17] an object that was asked for again when it was created is not once more when other writes have ended', async () => {
    void client.collection('/a').create({}, { id: '1' });
    void join();
    const copy = client.live(client.object('/a/1'));
    await world.settle();
    const refused = () => {
      const failures = [{ r: '/a/1', ...forbidden }];
      world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    };
    refused();
    world.socket.answer('create', { body: { _r: '/a/1', _rev: 1 } });
    await world.settle();
    refused();
    expect([copy.status, asked()[0]]).toEqual(['failed', 2]);
    await answerJoin();
    await world.pass(5_000);
    expect([copy.status, asked()[0], world.warnings.length]).toEqual(['failed', 2, 1]);
  });

  test('[TSC17] fails at once where nothing is written, or the query is wrong', async () => {
    const list = client.live(client.collection('/a/1/posts'));
    world.socket.answer('read', forbidden);
    expect(list.status).toBe('failed');
    void join();
    const wrong = client.live(client.collection('/a/1/posts'), { filter: 'n >' });
    world.socket.answer('read', { error: { code: 400, message: 'query.invalid' } });
    expect(wrong.status).toBe('failed');
  });
});
