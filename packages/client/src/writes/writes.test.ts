import { beforeEach, describe, expect, test } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import '../live/mod.js';
import type { RefusedWrite } from '../really.js';

let world: FakeWorld;
beforeEach(() => {
  world = new FakeWorld();
});

const unavailable = {
  error: { code: 503, message: 'server.unavailable' },
  meta: { retryAfter: 2 },
};
const outdated = { error: { code: 409, message: 'object.revision.outdated' } };

describe('the handle', () => {
  test('[TSC1] a write is queued, sent and committed, and awaited gives its result', async () => {
    const client = world.client();
    const write = client.object('/users/1').update((u) => u.addNumber('age', 1));
    const states: string[] = [write.state];
    write.subscribe(() => states.push(write.state));
    await write.queued;
    expect(client.connection.getSnapshot()).toMatchObject({
      pendingWrites: 1,
      oldestPending: world.wall,
    });
    expect(client.writes).toEqual([write]);
    await world.reconnect();
    expect(world.socket.last('update')).toMatchObject({
      r: '/users/1',
      rev: 1,
      body: { ops: [{ op: 'addNumber', key: 'age', value: 1 }] },
      cmdOpts: { once: write.id },
    });
    world.socket.answer('update', { r: '/users/1', rev: 7 });
    expect(await write).toEqual({ r: '/users/1', rev: 7 });
    expect(states).toEqual(['queued', 'sent', 'committed']);
    expect(write.getSnapshot()).toBe(write.getSnapshot());
    expect(client.connection.getSnapshot()).toMatchObject({
      pendingWrites: 0,
      oldestPending: undefined,
    });
    expect(client.writes).toEqual([]);
    client.close();
  });

  test('[TSC1] create, delete and batch', async () => {
    const client = await world.connected();
    const users = client.collection('/users');
    const create = users.create({ name: 'Amal', age: undefined });
    const [{ r = '' } = {}] = create.commands;
    expect(world.socket.last('create')).toMatchObject({ r, body: { name: 'Amal' } });
    world.socket.answer('create', { r, body: { _r: r, _rev: 1, name: 'Amal', locale: 'en' } });
    expect(await create).toEqual({ _r: r, _rev: 1, name: 'Amal', locale: 'en' });
    const gone = users.object('2').delete({ rev: 5 });
    expect(world.socket.last('delete')).toMatchObject({ r: '/users/2', rev: 5 });
    world.socket.answer('delete', { r: '/users/2' });
    expect(await gone).toEqual({ r: '/users/2' });
    const batch = client.batch((b) => {
      const made = b.create(users, { name: 'B' }, { id: 'b' });
      b.update(client.object(made as '/users/b'), (u) => u.set('name', 'C'));
      b.delete(users.object('3'));
    });
    expect(world.socket.last('batch').body.commands).toEqual([
      { cmd: 'create', r: '/users/b', body: { name: 'B' } },
      {
        cmd: 'update',
        r: '/users/b',
        rev: 1,
        body: { ops: [{ op: 'set', key: 'name', value: 'C' }] },
      },
      { cmd: 'delete', r: '/users/3' },
    ]);
    world.socket.answer('batch', {
      body: {
        results: [
          { r: '/users/b', body: { _r: '/users/b', _rev: 1 } },
          { r: '/users/b', rev: 2 },
          { r: '/users/3' },
        ],
      },
    });
    expect(await batch).toEqual([
      { _r: '/users/b', _rev: 1 },
      { r: '/users/b', rev: 2 },
      { r: '/users/3' },
    ]);
    client.close();
  });

  test('[TSC1] a refusal rejects the promise and is an event; one that nobody awaits is only that', async () => {
    const client = await world.connected();
    const refusals: RefusedWrite[] = [];
    client.on('write-refused', (refusal) => refusals.push(refusal));
    const write = client.object('/users/1').update((u) => u.push('tags', 'new'));
    world.socket.answer('update', {
      error: { code: 409, message: 'validation.failed', errors: { tags: ['error.not.a.list'] } },
    });
    expect(write.state).toBe('refused');
    await expect(write).rejects.toMatchObject({
      code: 409,
      errors: { tags: ['error.not.a.list'] },
    });
    expect(refusals).toMatchObject([{ error: { code: 409 }, commands: write.commands }]);
    expect(world.warnings).toEqual([]);
    client.close();
  });

  test('[TSC9] a refusal that the app has no listener for is on the console', async () => {
    const client = await world.connected();
    void client.object('/users/1').update((u) => u.push('tags', 'new'));
    const errors = { tags: ['error.not.a.list'] };
    const error = { code: 409, message: 'validation.failed', errors };
    world.socket.answer('update', { r: '/users/1', error });
    expect(world.warnings).toEqual([
      'really: /users/1: validation.failed {"tags":["error.not.a.list"]}',
    ]);
    client.close();
  });

  test('[TSC1] a listener may write while a write is being sent: each is sent, and ends, once', async () => {
    const client = world.client();
    const refusals: RefusedWrite[] = [];
    client.on('write-refused', (refusal) => refusals.push(refusal));
    const write = client.object('/a/1').update((u) => u.addNumber('n', 1));
    const stop = write.subscribe(() => {
      stop();
      void client.object('/a/2').update((u) => u.addNumber('n', 1));
    });
    await world.reconnect();
    expect(world.socket.all('update').map(({ r }) => r)).toEqual(['/a/2', '/a/1']);
    const error = { code: 403, message: 'forbidden' };
    world.socket.answer('update', { r: '/a/1', error });
    expect(refusals).toMatchObject([{ write: { id: write.id } }]);
    client.close();
  });

  test('[TSC1] a write that a listener takes back while it is being sent is not sent', async () => {
    const client = world.client();
    const abort = new AbortController();
    const { signal } = abort;
    const write = client.object('/a/1').update((u) => u.addNumber('n', 1), { signal });
    write.subscribe(() => abort.abort());
    await world.reconnect();
    expect([world.socket.all('update'), write.state]).toEqual([[], 'uncertain']);
    client.close();
  });

  test('[TSC1] the time limit counts only while it is sent, and then nobody knows', async () => {
    const client = world.client();
    const write = client.object('/a/1').update((u) => u.addNumber('n', 1), { timeout: 3_000 });
    await world.pass(12_000);
    await world.reconnect();
    await world.pass(2_000);
    await world.lose();
    expect(write.state).toBe('sent');
    await world.pass(3_000);
    expect(write.getSnapshot()).toMatchObject({
      state: 'uncertain',
      error: { message: 'request.timeout' },
    });
    expect(world.socket.all('update')).toHaveLength(1);
    client.close();
  });

  test('[TSC1] queue: false fails at once without a connection, and where the server is busy', async () => {
    const client = world.client();
    const offline = client.object('/a/1').update((u) => u.addNumber('n', 1), { queue: false });
    expect(offline.state).toBe('refused');
    await expect(offline).rejects.toMatchObject({ message: 'offline', retry: 'backoff' });
    await world.reconnect();
    const busy = client.object('/a/1').update((u) => u.addNumber('n', 1), { queue: false });
    world.socket.answer('update', unavailable);
    await expect(busy).rejects.toMatchObject({ code: 503, retryAfter: 2 });
    client.close();
  });

  test('[TSC9] AbortSignal takes a write back that was not sent; of another nobody knows', async () => {
    const client = world.client();
    const abort = new AbortController();
    const { signal } = abort;
    const early = client.object('/a/1').update((u) => u.addNumber('n', 1), { signal });
    abort.abort();
    expect(early.state).toBe('refused');
    await world.reconnect();
    expect(world.socket.all('update')).toEqual([]);
    const second = new AbortController();
    const late = client.object('/a/1').update((u) => u.addNumber('n', 1), {
      signal: second.signal,
    });
    second.abort();
    expect(late.state).toBe('uncertain');
    await expect(late).rejects.toThrow('aborted');
    client.close();
    const closed = client.object('/a/1').delete();
    await expect(closed).rejects.toThrow('connection.closed');
  });

  test('[TSC1] a server that is busy gets it later', async () => {
    const client = await world.connected();
    const write = client.object('/a/1').update((u) => u.addNumber('n', 1));
    world.socket.answer('update', unavailable);
    expect(write.state).toBe('queued');
    await world.pass(1_900);
    expect(world.socket.all('update')).toHaveLength(1);
    await world.pass(700);
    expect(world.socket.all('update')).toHaveLength(2);
    world.socket.answer('update', { rev: 2 });
    expect(write.state).toBe('committed');
    client.close();
  });
});

describe('once', () => {
  test('[TSC2] an answer that was lost: sent again as it was, and answered once', async () => {
    const client = await world.connected();
    const write = client.object('/a/1').update((u) => u.addNumber('n', 1));
    const { tag: _, ...first } = world.socket.last('update');
    await world.lose();
    const { tag: __, ...second } = world.socket.last('update');
    expect(second).toEqual(first);
    world.socket.answer('update', { rev: 2, meta: { repeated: true } });
    expect(await write).toEqual({ r: '/a/1', rev: 2 });
    client.close();
  });

  test('[TSC2] past the window less a minute a write that merges is uncertain, and says what it was', async () => {
    const client = await world.connected();
    const add = client.object('/a/1').update((u) => u.addNumber('n', 1));
    const sure = client.object('/a/2').update((u) => u.addNumber('n', 1));
    world.socket.drop();
    await world.pass(100);
    // The device sleeps: timers stand still, the hour of the server does not.
    world.sleep(58 * 60_000);
    await world.pass(3_000);
    await world.reconnect();
    expect(world.socket.all('update').map(({ r }) => r)).toEqual(['/a/1', '/a/2']);
    world.socket.answer('update', { rev: 2 });
    expect(sure.state).toBe('committed');
    world.socket.drop();
    world.sleep(60_000);
    await world.pass(3_000);
    await world.reconnect();
    expect(world.socket.all('update')).toEqual([]);
    expect(add.state).toBe('uncertain');
    expect(add.commands).toMatchObject([{ cmd: 'update', r: '/a/1' }]);
    await expect(add).rejects.toMatchObject({ message: 'write.uncertain' });
    client.close();
  });

  test('[TSC2] past the window what does not merge is sent again, and its refusal means nothing', async () => {
    const client = await world.connected();
    const read = client.object('/a/1').get();
    await world.settle();
    world.socket.answer('get', { body: { _r: '/a/1', _rev: 4 } });
    await read;
    const set = client.object('/a/1').update((u) => u.set('n', 1));
    const remove = client.object('/a/2').delete();
    world.socket.drop();
    world.sleep(3_600_000);
    await world.pass(3_000);
    await world.reconnect();
    world.socket.answer('update', outdated);
    world.socket.answer('delete', { error: { code: 410, message: 'object.gone' } });
    expect([set.state, remove.state]).toEqual(['uncertain', 'committed']);
    client.close();
  });

  test('[TSC2] an id that the client made and finds taken is its own; one that the app chose is not', async () => {
    const client = await world.connected();
    const own = client.collection('/a').create({ n: 1 });
    const chosen = client.collection('/a').create({ n: 1 }, { id: 'x' });
    await world.lose();
    const exists = { error: { code: 409, message: 'object.already.exist' } };
    for (const { tag } of world.socket.all('create')) world.socket.say({ tag, ...exists });
    const [{ r = '' } = {}] = own.commands;
    expect(await own).toMatchObject({ n: 1 });
    expect(chosen.state).toBe('refused');
    expect(r).toMatch(/^\/a\/\d{19}-[\w-]{16}$/);
    client.close();
  });

  test('[TSC2] ids grow with time, also within a millisecond, and sort as those of the server', async () => {
    const client = await world.connected();
    const ids = Array.from({ length: 100 }, () => {
      const [{ r = '' } = {}] = client.collection('/a').create({}).commands;
      return r;
    });
    await world.pass(1);
    const [{ r: later = '' } = {}] = client.collection('/a').create({}).commands;
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(100);
    expect(later > (ids.at(-1) ?? '')).toBe(true);
    const server = `/a/${(BigInt(world.wall + 1) - 1_410_765_153_000n) << 22n}`;
    expect(server > (ids.at(-1) ?? '')).toBe(true);
    client.close();
  });

  test('[TSC2] at most 900 writes wait', async () => {
    const client = world.client();
    const writes = Array.from({ length: 901 }, (_, at) =>
      client.object(`/a/${at}`).update((u) => u.addNumber('n', 1)),
    );
    expect(writes[899]?.state).toBe('queued');
    expect(writes[900]?.state).toBe('refused');
    await expect(writes[900]).rejects.toMatchObject({ message: 'queue.full', retry: 'backoff' });
    await world.reconnect();
    // The server reads no further where too many are in flight.
    expect(world.socket.all('update')).toHaveLength(100);
    for (const { tag } of world.socket.all('update')) world.socket.say({ tag, rev: 2 });
    expect(world.socket.all('update').length).toBeGreaterThan(150);
    client.close();
  });

  test('[TSC2] another uid never sends what the last one left', async () => {
    const client = await world.connected();
    const sent = client.object('/a/1').update((u) => u.addNumber('n', 1));
    const behind = client.object('/a/1').update((u) => u.addNumber('n', 2));
    await world.lose({ user: { uid: 'beno' } });
    expect(world.socket.all('update')).toEqual([]);
    expect([sent.state, behind.state]).toEqual(['uncertain', 'refused']);
    await expect(behind).rejects.toThrow('user.changed');
    client.close();
  });
});

describe('order and revisions', () => {
  test('[TSC3] writes to one object go one after the other, to others side by side', async () => {
    const client = await world.connected();
    const [first, second] = [1, 2].map((n) =>
      client.object('/a/1').update((u) => u.addNumber('n', n)),
    );
    void client.object('/a/2').update((u) => u.addNumber('n', 3));
    expect(world.socket.all('update').map(({ r }) => r)).toEqual(['/a/1', '/a/2']);
    world.socket.say({ tag: world.socket.all('update')[0]?.tag, rev: 2 });
    expect([first?.state, second?.state]).toEqual(['committed', 'sent']);
    client.close();
  });

  test('[TSC3] what sets a field is based on the revision that was seen, or on the present one', async () => {
    const client = await world.connected();
    const unseen = client.object('/a/1').update((u) => u.set('n', 1));
    expect(world.socket.all('update')).toEqual([]);
    world.socket.answer('get', { body: { _r: '/a/1', _rev: 6 } });
    expect(world.socket.last('update')).toMatchObject({ rev: 6, cmdOpts: { epoch: 'e1' } });
    world.socket.answer('update', { rev: 7 });
    await unseen;
    // Nothing came in between: revision 7 is as well as seen.
    const set = (field: string) => client.object('/a/1').update((u) => u.set(field, 1));
    const writes = [set('n'), set('n'), set('m')];
    expect(world.socket.last('update').rev).toBe(7);
    // Somebody else's revision 8 came in between: it did not touch n, or this would be refused.
    world.socket.answer('update', { rev: 9 });
    expect(world.socket.last('update')).toMatchObject({ rev: 9 });
    world.socket.answer('update', { rev: 10 });
    // It may have touched m.
    expect(world.socket.last('update')).toMatchObject({ rev: 7 });
    world.socket.answer('update', outdated);
    await Promise.allSettled(writes);
    expect(writes.map(({ state }) => state)).toEqual(['committed', 'committed', 'refused']);
    client.close();
  });

  test('[TSC3] what depends on a refused create is refused with the cause', async () => {
    const client = await world.connected();
    const users = client.collection('/users');
    const create = users.create({ name: 'x' });
    const [{ r = '' } = {}] = create.commands;
    const id = r.slice('/users/'.length);
    const dependent = [
      users.object(id).update((u) => u.set('name', 'y')),
      users.object(id).collection('posts').create({ title: 't' }),
      client.collection('/teams').create({ lead: r }),
      client.object('/teams/1').update((u) => u.push('members', [r])),
    ];
    const other = client.object('/teams/2').update((u) => u.addNumber('n', 1));
    expect(world.socket.sent.map(({ cmd }) => cmd)).toEqual(['initialize', 'create', 'update']);
    world.socket.answer('create', { error: { code: 409, message: 'validation.failed' } });
    expect(dependent.map(({ state }) => state)).toEqual(Array(4).fill('refused'));
    await expect(dependent[1]).rejects.toMatchObject({
      message: 'dependency.refused',
      cause: { code: 409, message: 'validation.failed' },
    });
    await expect(create).rejects.toMatchObject({ message: 'validation.failed' });
    expect(other.state).toBe('sent');
    client.close();
  });

  test('[TSC3] what depends on a create waits for it', async () => {
    const client = await world.connected();
    const create = client.collection('/users').create({ name: 'x' }, { id: '1' });
    void client.object('/users/1').update((u) => u.set('name', 'y'));
    expect(world.socket.all('update')).toEqual([]);
    world.socket.answer('create', { body: { _r: '/users/1', _rev: 1 } });
    await create;
    expect(world.socket.last('update')).toMatchObject({ r: '/users/1', rev: 1 });
    client.close();
  });
});

describe('what is too large for the server', () => {
  const large = (text: string) => ({ filter: 'name = $name', values: { name: text } });

  test('[TSC9] [LIM1] the largest message ends as 413, the others are sent again', async () => {
    const client = await world.connected();
    const small = client.object('/a/1').update((u) => u.push('tags', ['x'.repeat(150)]));
    // In bytes it is larger.
    const big = client.object('/a/2').update((u) => u.push('tags', ['\u20ac'.repeat(100)]));
    const behind = client.object('/a/2').update((u) => u.addNumber('n', 1));
    world.socket.drop(1009);
    expect([small.state, big.state, behind.getSnapshot()]).toEqual([
      'queued',
      'refused',
      { state: 'queued' },
    ]);
    await expect(big).rejects.toMatchObject({ code: 413, message: 'message.too.large' });
    await world.pass(400);
    await world.reconnect();
    expect(world.socket.all('update').map(({ cmdOpts }) => cmdOpts.once)).toEqual([
      small.id,
      behind.id,
    ]);
    // The next loss is another matter.
    world.socket.drop();
    expect(small.state).toBe('queued');
    client.close();
  });

  test('[TSC9] [LIM1] a live list fails, and is not asked for again in the next session', async () => {
    const client = await world.connected();
    const list = client.live(client.collection('/a'), large('x'.repeat(200)));
    await world.settle();
    world.socket.drop(1009);
    expect([list.status, list.error?.code]).toEqual(['failed', 413]);
    await world.pass(400);
    await world.reconnect();
    expect(world.socket.all('read')).toEqual([]);
    client.close();
  });

  test('[TSC9] [LIM1] a read ends, too; what nobody waits for any more is in the way of no other', async () => {
    const client = await world.connected();
    const read = client.collection('/a').read(large('x'.repeat(200)));
    await world.settle();
    const abort = new AbortController();
    const { signal } = abort;
    const gone = client.object('/a/1').update((u) => u.push('tags', ['x'.repeat(300)]), { signal });
    abort.abort();
    expect(gone.state).toBe('uncertain');
    world.socket.drop(1009);
    await world.pass(400);
    await world.reconnect();
    expect(world.socket.all('read')).toHaveLength(1);
    // An error of a ping says nothing of it.
    world.socket.say({ tag: 0, error: { code: 429, message: 'rate.limited' } });
    world.socket.drop();
    await world.pass(2_000);
    await world.reconnect();
    expect(world.socket.all('read')).toHaveLength(1);
    world.socket.drop(1009);
    await expect(read).rejects.toMatchObject({ code: 413, message: 'message.too.large' });
    client.close();
  });
});
