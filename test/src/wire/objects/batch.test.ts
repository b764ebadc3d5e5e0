import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();

const batch = (client: Client, commands: JsonObject[], cmdOpts: JsonObject = {}) =>
  client.request({ cmd: 'batch', body: { commands }, cmdOpts });
const create = (r: string, body: JsonObject): JsonObject => ({ cmd: 'create', r, body });
const update = (r: string, rev: number, ...ops: JsonObject[]): JsonObject => ({
  cmd: 'update',
  r,
  rev,
  body: { ops },
});
const remove = (r: string, more: JsonObject = {}): JsonObject => ({ cmd: 'delete', r, ...more });
const set = (key: string, value: string | number | null): JsonObject => ({ op: 'set', key, value });
const add = (key: string, value: number): JsonObject => ({ op: 'addNumber', key, value });
const get = (client: Client, r: string) => client.request({ cmd: 'get', r });

let names = 0;
/** An id that no other test uses. */
const fresh = (collection: string) => `/${collection}/batch-${++names}`;

function refused(
  answer: ServerMessage,
  { code, message, errors }: { code: number; message: string; errors: object },
): void {
  expect(answer.error).toEqual({ code, message, errors });
  expect(answer.body).toBeUndefined();
}

describe('the response', () => {
  test('[BAT1] one result for each command, in order, the same as alone', async () => {
    using client = await server.as('amal');
    const [mine, gone] = [fresh('users'), fresh('users')];
    await client.request(create(gone, { name: 'old' }));
    const answer = await batch(client, [
      create('/users', { name: 'Amal', locale: null }),
      create(mine, { name: 'Bela', age: 1 }),
      { ...update(mine, 1, add('age', 2)), tag: 7 },
      remove(gone, { rev: 1 }),
    ]);
    const { tag, ...rest } = answer;
    expect(tag).toEqual(expect.any(Number));
    expect(Object.keys(rest)).toEqual(['body']);
    expect(rest.body).toEqual({
      results: [
        {
          r: '/users/*',
          body: expect.objectContaining({
            _r: expect.stringMatching(/^\/users\/\d+$/),
            _rev: 1,
            name: 'Amal',
            greeting: 'Hello Amal',
          }),
        },
        { r: mine, body: expect.objectContaining({ _r: mine, _rev: 1, age: 1 }) },
        { r: mine, rev: 2 },
        { r: gone },
      ],
    });
    expect((await get(client, mine)).body).toMatchObject({ _rev: 2, age: 3 });
    expect((await get(client, gone)).error?.message).toBe('object.gone');
  });

  test('[BAT1] [CRE6] a creator who may not read gets the R and the revision alone', async () => {
    using client = await server.as('amal');
    const { body } = await batch(client, [create('/writeonly', { text: 'x' })]);
    expect(Object.keys(body.results[0].body)).toEqual(['_r', '_rev']);
  });

  test('[BAT1] [BAT2] a hundred commands are a batch, none and one more are not', async () => {
    using client = await server.as('amal');
    const of = (count: number) =>
      batch(
        client,
        Array.from({ length: count }, (_, n) => create('/short', { n })),
      );
    const { body } = await of(100);
    expect(body.results.map((result: ServerMessage) => result.body._rev)).toEqual(
      Array(100).fill(1),
    );
    for (const count of [0, 101]) {
      refused(await of(count), {
        code: 400,
        message: 'request.invalid',
        errors: { 'body.commands': ['expected.from.1.to.100.elements'] },
      });
    }
    refused(await client.request({ cmd: 'batch', body: {} }), {
      code: 400,
      message: 'request.invalid',
      errors: { 'body.commands': ['expected.list'] },
    });
  });

  test('[BAT2] other commands and once-ids inside are refused by their path', async () => {
    using client = await server.as('amal');
    const good = create('/short', {});
    refused(await batch(client, [good, { cmd: 'get', r: '/short/1' }]), {
      code: 400,
      message: 'request.invalid',
      errors: {
        'commands[1]': ['request.invalid'],
        'body.commands[1].cmd': ['expected.create.or.update.or.delete'],
      },
    });
    refused(await batch(client, [{ cmd: 'batch', body: { commands: [good] } }]), {
      code: 400,
      message: 'request.invalid',
      errors: {
        'commands[0]': ['request.invalid'],
        'body.commands[0].cmd': ['expected.create.or.update.or.delete'],
      },
    });
    refused(await batch(client, [{ ...good, cmdOpts: { once: 'x' } }]), {
      code: 400,
      message: 'request.invalid',
      errors: {
        'commands[0]': ['request.invalid'],
        'body.commands[0].cmdOpts.once': ['expected.nothing'],
      },
    });
  });
});

describe('validation', () => {
  test('[BAT3] a batch sees its own writes: parents, references, revisions, unique values', async () => {
    using client = await server.as('amal');
    const [parent, friend, heir] = [fresh('users'), fresh('users'), fresh('users')];
    const email = `${parent}@x`;
    const answer = await batch(client, [
      create(friend, { name: 'f', email }),
      create(parent, { name: 'p', friend }),
      create(`${parent}/posts/1`, { title: 't', author: friend }),
      update(friend, 1, set('email', null)),
      create(heir, { name: 'h', email }),
      update(`${parent}/posts/1`, 1, add('likes', 2)),
      remove(parent),
    ]);
    expect(answer.error).toBeUndefined();
    expect((await get(client, `${parent}/posts/1`)).body).toMatchObject({ _rev: 2, likes: 2 });
    expect((await get(client, heir)).body.email).toBe(email);
    const late = fresh('users');
    refused(
      await batch(client, [create(`${late}/posts`, { title: 't' }), create(late, { name: 'l' })]),
      {
        code: 404,
        message: 'object.parent.missing',
        errors: { 'commands[0]': ['object.parent.missing'] },
      },
    );
  });

  const cases: {
    what: string;
    command: (r: string) => JsonObject;
    error: [number, string, object?];
  }[] = [
    {
      what: 'fields',
      command: () => create('/users', { age: -1, nonsense: 1 }),
      error: [
        409,
        'validation.failed',
        {
          'commands[1].name': ['value.required'],
          'commands[1].age': ['validation.custom.failed'],
          'commands[1].nonsense': ['field.unknown'],
        },
      ],
    },
    {
      what: 'rights',
      command: () => create('/secrets', { owner: 'bela' }),
      error: [403, 'forbidden'],
    },
    {
      what: 'hooks',
      command: () => create('/people', { name: 'root' }),
      error: [422, 'name.reserved'],
    },
    {
      what: 'references',
      command: () => create('/users', { name: 'x', friend: '/users/none' }),
      error: [409, 'validation.failed', { 'commands[1].friend': ['reference.missing'] }],
    },
    {
      what: 'an old revision',
      command: (r) => update(r, 1, set('name', 'y')),
      error: [
        409,
        'object.revision.outdated',
        { 'commands[1].obj.name': ['error.revision.outdated'] },
      ],
    },
    {
      what: 'a revision to come',
      command: (r) => update(r, 9, add('age', 1)),
      error: [409, 'object.revision.unknown'],
    },
    {
      what: 'a deletion of another revision',
      command: (r) => remove(r, { rev: 1 }),
      error: [409, 'object.revision.outdated'],
    },
    {
      what: 'a taken R',
      command: (r) => create(r, { name: 'x' }),
      error: [409, 'object.already.exist'],
    },
    {
      what: 'a missing object',
      command: () => remove('/users/none'),
      error: [404, 'object.missing'],
    },
    {
      what: 'a missing model',
      command: () => create('/nothing', {}),
      error: [404, 'model.unknown'],
    },
    { what: 'an ill-formed R', command: () => create('/users//', {}), error: [400, 'r.invalid'] },
    {
      what: 'ill-formed arguments',
      command: () => ({ cmd: 'update', r: '/users/1', body: { ops: [] } }),
      error: [
        400,
        'request.invalid',
        {
          'body.commands[1].rev': ['expected.integer'],
          'body.commands[1].body.ops': ['expected.from.1.elements'],
        },
      ],
    },
  ];

  test.each(cases)(
    '[BAT3] [BAT4] $what: the batch has the error, and nothing of it is written',
    async ({ command, error: [code, message, more = {}] }) => {
      using client = await server.as('amal');
      const [known, made] = [fresh('users'), fresh('users')];
      await client.request(create(known, { name: 'k', age: 1 }));
      const answer = await batch(client, [
        update(known, 1, set('name', 'z'), add('age', 1)),
        command(known),
        create(made, { name: 'm' }),
      ]);
      refused(answer, { code, message, errors: { 'commands[1]': [message], ...more } });
      expect((await get(client, known)).body).toMatchObject({ _rev: 1, name: 'k', age: 1 });
      expect((await get(client, made)).error?.message).toBe('object.missing');
    },
  );

  test('[BAT3] [IDX2] two objects swap their unique values in one batch', async () => {
    using client = await server.as('amal');
    const [one, two, three] = [fresh('users'), fresh('users'), fresh('users')];
    await client.request(create(one, { name: 'one', email: one }));
    await client.request(create(two, { name: 'two', email: two }));
    const swap = [update(one, 1, set('email', two)), update(two, 1, set('email', one))];
    expect((await batch(client, swap)).body.results).toEqual([
      { r: one, rev: 2 },
      { r: two, rev: 2 },
    ]);
    expect((await get(client, one)).body.email).toBe(two);
    expect((await get(client, two)).body.email).toBe(one);
    // What another object has after all is taken still, and so is what one of them has by now.
    const third = create(three, { name: 'three', email: two });
    const alone = await client.request(third);
    expect(alone.error?.errors).toEqual({ email: ['value.not.unique'] });
    const back = [update(two, 2, set('email', two)), third, update(one, 2, set('email', one))];
    const answer = await batch(client, back);
    expect(answer.error?.errors).toMatchObject({ 'commands[1].email': ['value.not.unique'] });
    expect((await get(client, two)).body).toMatchObject({ _rev: 2, email: one });
  });

  test('[BAT3] [BAT4] [IDX2] a unique value that only the commit finds taken', async () => {
    using client = await server.as('amal');
    const [holder, other] = [fresh('users'), fresh('users')];
    await client.request(create(holder, { name: 'h', email: holder }));
    refused(
      await batch(client, [create(other, { name: 'o' }), update(other, 1, set('email', holder))]),
      {
        code: 409,
        message: 'validation.failed',
        errors: {
          'commands[1]': ['validation.failed'],
          'commands[1].email': ['value.not.unique'],
        },
      },
    );
    expect((await get(client, other)).error?.message).toBe('object.missing');
  });
});

describe('size', () => {
  test('[BAT8] a batch that is larger than one commit is refused as a whole', async () => {
    using client = await server.as('amal');
    const rs = Array.from({ length: 10 }, () => fresh('users'));
    for (const r of rs) await client.request(create(r, { name: 'n', extra: 'x'.repeat(900_000) }));
    const grow = (some: string[]) =>
      batch(
        client,
        some.map((r) => update(r, 1, add('age', 1))),
      );
    refused(await grow(rs), {
      code: 409,
      message: 'validation.failed',
      errors: { 'body.commands': ['batch.too.large'] },
    });
    expect((await grow(rs.slice(0, 5))).body.results).toEqual(
      rs.slice(0, 5).map((r) => ({ r, rev: 2 })),
    );
    expect((await get(client, rs[9] ?? '')).body._rev).toBe(1);
  });
});

describe('order', () => {
  test('[BAT5] [DUR3] subscribers receive the changes in the order of the batch, across objects', async () => {
    using writer = await server.as('amal');
    using reader = await server.as('bela');
    const [a, b] = [fresh('short'), fresh('short')];
    await batch(writer, [create(a, {}), create(b, {})]);
    const subscriptions = [{ r: b, rev: 1 }, { r: a, rev: 1 }, { r: '/short' }];
    await reader.request({ cmd: 'subscribe', body: { subscriptions } });
    const made = fresh('short');
    await batch(writer, [
      update(b, 1, add('n', 1)),
      update(a, 1, add('n', 1)),
      create(made, {}),
      update(b, 2, add('n', 1)),
      remove(a),
    ]);
    const pushes: ServerMessage[] = [];
    for (let n = 0; n < 5; n++) pushes.push(await reader.nextPush());
    const of = (r: string) =>
      pushes.filter((push) => push.r === r).map(({ evt, rev }) => [evt, rev]);
    expect(of(b)).toEqual([
      ['updated', 2],
      ['updated', 3],
    ]);
    expect(of(a)).toEqual([
      ['updated', 2],
      ['deleted', 3],
    ]);
    expect(pushes.map(({ r }) => r)).toEqual([b, a, '/short/*', b, a]);
  });

  test('[BAT4] nothing is pushed of a refused batch', async () => {
    using writer = await server.as('amal');
    using reader = await server.as('bela');
    const a = fresh('short');
    await writer.request(create(a, {}));
    const subscriptions = [{ r: a, rev: 1 }, { r: '/short' }];
    await reader.request({ cmd: 'subscribe', body: { subscriptions } });
    await batch(writer, [update(a, 1, add('n', 1)), create('/short', {}), remove('/short/none')]);
    expect(await reader.pushesUntilNow()).toEqual([]);
  });

  test('[BAT5] [ENV4] pipelined commands on the same Rs take effect and are answered in order', async () => {
    using client = await server.as('amal');
    const [a, b] = [fresh('short'), fresh('short')];
    const order: string[] = [];
    const sent = (name: string, answer: Promise<ServerMessage>) =>
      answer.then((message) => {
        order.push(name);
        return message;
      });
    const answers = await Promise.all([
      sent('create a', client.request(create(a, {}))),
      sent('first batch', batch(client, [create(b, {}), update(a, 1, set('n', 1))])),
      sent('get a', get(client, a)),
      sent('update b', client.request(update(b, 1, set('n', 5)))),
      sent('second batch', batch(client, [update(b, 2, add('n', 1)), update(a, 2, add('n', 1))])),
      sent('get b', get(client, b)),
    ]);
    expect(answers.map(({ error }) => error)).toEqual(Array(6).fill(undefined));
    expect([answers[2]?.body.n, answers[5]?.body.n]).toEqual([1, 6]);
    const on = (...named: string[]) => order.filter((name) => named.includes(name));
    expect(on('create a', 'first batch', 'get a', 'second batch')).toEqual([
      'create a',
      'first batch',
      'get a',
      'second batch',
    ]);
    expect(on('first batch', 'update b', 'second batch', 'get b')).toEqual([
      'first batch',
      'update b',
      'second batch',
      'get b',
    ]);
  });

  test('[BAT5] batches of many clients over the same objects are each whole', async () => {
    const clients = await Promise.all([0, 1, 2, 3].map((n) => server.as(`client-${n}`)));
    const [a, b] = [fresh('short'), fresh('short')];
    const [first] = clients;
    if (!first) throw new Error('there are four');
    await batch(first, [create(a, {}), create(b, {})]);
    const both = [update(a, 1, add('n', 1)), update(b, 1, add('n', 1))];
    const answers = await Promise.all(
      clients.flatMap((client, index) =>
        Array.from({ length: 25 }, () => batch(client, index % 2 ? both : [...both].reverse())),
      ),
    );
    expect(answers.filter(({ error }) => error)).toEqual([]);
    for (const r of [a, b]) expect((await get(first, r)).body).toMatchObject({ _rev: 101, n: 100 });
    for (const client of clients) client.close();
  });

  test('[BAT5] [BAT4] of batches that race, those that are refused leave no half of themselves', async () => {
    const clients = await Promise.all([0, 1, 2, 3].map((n) => server.as(`mover-${n}`)));
    const [left, right] = [fresh('users'), fresh('users')];
    const [first] = clients;
    if (!first) throw new Error('there are four');
    await batch(first, [
      create(left, { name: 'l', score: 0 }),
      create(right, { name: 'r', score: 0 }),
    ]);
    const move = (client: Client, value: number) =>
      batch(client, [
        update(left, 1, add('score', -value)),
        update(right, 1, add('score', value)),
        ...(value % 3 === 0 ? [create('/users', { name: 'x', age: -1 })] : []),
      ]);
    const values = Array.from({ length: 15 }, (_, n) => n);
    const answers = await Promise.all(
      clients.flatMap((client) => values.map((value) => move(client, value))),
    );
    expect(answers.filter(({ error }) => error)).toHaveLength(20);
    const sum = 4 * values.filter((value) => value % 3).reduce((a, b) => a + b, 0);
    expect((await get(first, left)).body).toMatchObject({ score: -sum, _rev: 41 });
    expect((await get(first, right)).body).toMatchObject({ score: sum, _rev: 41 });
    for (const client of clients) client.close();
  });
});

describe('once', () => {
  test('[BAT7] [ONC1] a batch that is sent again changes nothing, and gets the Rs and revisions of the first time', async () => {
    using client = await server.as('amal');
    const [a, b] = [fresh('users'), fresh('users')];
    await batch(client, [create(a, { name: 'a', age: 0 }), create(b, { name: 'b' })]);
    const commands = [
      create('/users', { name: 'n' }),
      update(a, 1, add('age', 1)),
      remove(b),
      create(`${a}/posts/1`, { title: 't' }),
    ];
    const first = await batch(client, commands, { once: a });
    await client.request(update(a, 2, add('age', 10)));
    const again = await batch(client, commands, { once: a });
    expect(first.meta).toBeUndefined();
    expect(again.meta).toEqual({ repeated: true });
    expect(again.body).toEqual({
      results: [
        { r: '/users/*', body: { _r: first.body.results[0].body._r, _rev: 1 } },
        { r: a, rev: 2 },
        { r: b },
        { r: `${a}/posts/1`, body: { _r: `${a}/posts/1`, _rev: 1 } },
      ],
    });
    expect((await get(client, a)).body).toMatchObject({ _rev: 3, age: 11 });
  });

  test('[BAT7] [ONC2] other commands or Rs are another command, other bodies are not', async () => {
    using client = await server.as('amal');
    const [a, b] = [fresh('short'), fresh('short')];
    await batch(client, [create(a, {}), create(b, {})]);
    const of = (r: string) => update(r, 1, add('n', 1));
    await batch(client, [of(a), of(b)], { once: a });
    const others = [[of(a)], [of(b), of(a)], [of(a), remove(b)], [of(a), of(b), of(b)]];
    for (const commands of others) {
      expect((await batch(client, commands, { once: a })).error).toEqual({
        code: 409,
        message: 'once.reused',
      });
    }
    const single = await client.request({ ...of(a), cmdOpts: { once: a } });
    expect(single.error?.message).toBe('once.reused');
    const other = await batch(client, [of(a), update(b, 1, add('m', 5))], { once: a });
    expect(other.meta).toEqual({ repeated: true });
    using stranger = await server.as('bela');
    expect((await batch(stranger, [remove(a)], { once: a })).meta).toBeUndefined();
  });

  test('[BAT7] [ONC3] a refused batch may be sent again under its id', async () => {
    using client = await server.as('amal');
    const a = fresh('short');
    const commands = [create('/short', {}), update(a, 1, add('n', 1))];
    expect((await batch(client, commands, { once: a })).error?.message).toBe('object.missing');
    await client.request(create(a, {}));
    const answer = await batch(client, commands, { once: a });
    expect(answer.meta).toBeUndefined();
    expect(answer.body.results[1]).toEqual({ r: a, rev: 2 });
  });
});
