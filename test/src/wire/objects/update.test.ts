import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';
import { create, get, refused, update } from './requests.js';

const server = wireServer();

describe('update', () => {
  const fresh = async (client: Client, body: JsonObject = {}): Promise<string> =>
    (await create(client, '/users', { name: 'U', ...body })).body._r;

  test('[UPD1] [UPD5] [UPD6] [UPD7] [UPD8] [UPD9] [UPD12] every operation', async () => {
    using client = await server.as('amal');
    const r = await fresh(client, { age: 3, tags: ['a', 'b'] });
    const answer = await update(
      client,
      r,
      1,
      { op: 'set', key: 'picture.xlarge', value: 'big' },
      { op: 'addNumber', key: 'age', value: 4 },
      { op: 'addNumber', key: 'score', value: 1.5 },
      { op: 'push', key: 'tags', value: ['c', 'd'] },
      { op: 'addToSet', key: 'tags', value: ['a', 'e'] },
      { op: 'pull', key: 'tags', value: ['b', 'c'] },
      { op: 'insertAt', key: 'tags', value: 'first', opArgs: { index: 0 } },
      { op: 'removeAt', key: 'tags', opArgs: { index: 1 } },
      { op: 'push', key: 'picture.sizes', value: 5 },
      { op: 'set', key: 'picture.sizes[0]', value: 6 },
      { op: 'set', key: 'locale', value: null },
    );
    expect(answer).toEqual({ tag: expect.any(Number), r, rev: 2 });
    const { body } = await get(client, r);
    expect(body).toMatchObject({
      _rev: 2,
      age: 7,
      score: 1.5,
      tags: ['first', 'd', 'e'],
      picture: { xlarge: 'big', sizes: [6] },
    });
    expect(body).not.toHaveProperty('locale');
  });

  test('[UPD2] [UPD3] [UPD4] old revisions merge or are refused', async () => {
    using client = await server.as('amal');
    const r = await fresh(client, { age: 1, tags: ['a'] });
    await update(
      client,
      r,
      1,
      { op: 'set', key: 'name', value: 'V' },
      { op: 'addNumber', key: 'age', value: 1 },
    );
    expect((await update(client, r, 1, { op: 'set', key: 'score', value: 2 })).rev).toBe(3);
    expect((await update(client, r, 1, { op: 'addNumber', key: 'age', value: 1 })).rev).toBe(4);
    expect((await update(client, r, 1, { op: 'push', key: 'tags', value: 'b' })).rev).toBe(5);
    refused(
      await update(client, r, 1, { op: 'set', key: 'name', value: 'W' }),
      409,
      'object.revision.outdated',
      {
        'obj.name': ['error.revision.outdated'],
      },
    );
    refused(
      await update(client, r, 4, { op: 'insertAt', key: 'tags', value: 'x', opArgs: { index: 0 } }),
      409,
      'object.revision.outdated',
      { 'obj.tags': ['error.revision.outdated'] },
    );
    refused(
      await update(client, r, 99, { op: 'set', key: 'score', value: 2 }),
      409,
      'object.revision.unknown',
    );
    const missing = await client.request({ cmd: 'update', r, body: { ops: [] } });
    expect(missing.error).toMatchObject({ code: 400, message: 'request.invalid' });
    expect(missing.error?.errors).toHaveProperty('rev');
  });

  test('[UPD3] a calculated field counts as touched', async () => {
    using client = await server.as('amal');
    const r = await fresh(client);
    await update(client, r, 1, { op: 'set', key: 'name', value: 'V' });
    expect((await get(client, r, ['greeting', 'shout'])).body).toMatchObject({
      greeting: 'Hello V',
      shout: 'HELLO V',
    });
    refused(
      await update(client, r, 2, { op: 'set', key: 'greeting', value: 'x' }),
      409,
      'validation.failed',
      {
        greeting: ['field.calculated'],
      },
    );
  });

  test('[UPD10] [UPD5] operations that do not fit', async () => {
    using client = await server.as('amal');
    const r = await fresh(client, { tags: ['a'] });
    refused(
      await update(
        client,
        r,
        1,
        { op: 'addNumber', key: 'name', value: 1 },
        { op: 'addNumber', key: 'age', value: 'one' },
        { op: 'push', key: 'locale', value: 1 },
        { op: 'removeAt', key: 'tags', opArgs: { index: 7 } },
      ),
      409,
      'validation.failed',
      {
        name: ['error.non.numeric.field'],
        age: ['error.value.should.be.number'],
        locale: ['error.not.a.list'],
        tags: ['error.index.out.of.range'],
      },
    );
    // So it is where the field is not set: it is the field that is no number, and no list.
    refused(
      await update(
        client,
        r,
        1,
        { op: 'addNumber', key: 'email', value: 1 },
        { op: 'push', key: 'score', value: 1 },
        { op: 'addNumber', key: 'picture.xlarge', value: 1 },
        { op: 'addNumber', key: 'picture.sizes', value: 1 },
        { op: 'insertAt', key: 'friend', value: '/users/1', opArgs: { index: 0 } },
        { op: 'addNumber', key: 'greeting', value: 1 },
        { op: 'addNumber', key: 'extra.count', value: 1 },
      ),
      409,
      'validation.failed',
      {
        email: ['error.non.numeric.field'],
        score: ['error.not.a.list'],
        'picture.xlarge': ['error.non.numeric.field'],
        'picture.sizes': ['error.non.numeric.field'],
        friend: ['error.not.a.list'],
        greeting: ['field.calculated'],
      },
    );
    const proto = await update(client, r, 1, { op: 'set', key: '__proto__.x', value: 1 });
    expect(proto.error?.code).toBeGreaterThanOrEqual(400);
    expect(proto.error?.code).toBeLessThan(410);
    expect((await get(client, r)).body._rev).toBe(1);
  });

  test('[UPD11] an update that changes nothing is a revision', async () => {
    using client = await server.as('amal');
    const r = await fresh(client);
    expect((await update(client, r, 1, { op: 'set', key: 'name', value: 'U' })).rev).toBe(2);
    expect((await update(client, r, 1, { op: 'pull', key: 'tags', value: 'none' })).rev).toBe(3);
  });

  test('[UPD12] validation of the result', async () => {
    using client = await server.as('amal');
    const r = await fresh(client, { age: 3 });
    refused(
      await update(client, r, 1, { op: 'addNumber', key: 'age', value: -4 }),
      409,
      'validation.failed',
      {
        age: ['validation.custom.failed'],
      },
    );
    refused(
      await update(client, r, 1, { op: 'addNumber', key: 'age', value: 0.5 }),
      409,
      'validation.failed',
      {
        age: ['type.invalid'],
      },
    );
    refused(
      await update(client, r, 1, { op: 'set', key: 'name', value: null }),
      409,
      'validation.failed',
      {
        name: ['value.required'],
      },
    );
    refused(
      await update(client, r, 1, { op: 'set', key: 'none', value: 1 }),
      409,
      'validation.failed',
      {
        none: ['field.unknown'],
      },
    );
  });

  test('[ENV4] requests on one R take effect and answer in order', async () => {
    using client = await server.as('amal');
    client.send({ tag: 1000, cmd: 'create', r: '/users/line', body: { name: 'l' } });
    for (let n = 1; n <= 50; n++) {
      client.send({
        tag: 1000 + n,
        cmd: n % 5 === 0 ? 'get' : 'update',
        r: '/users/line',
        rev: 1,
        body: {
          ops: [
            {
              op: n % 7 === 0 ? 'addNumber' : 'push',
              key: n % 7 === 0 ? 'name' : 'tags',
              value: n % 7 === 0 ? 1 : `${n}`,
            },
          ],
        },
      });
    }
    const answers: ServerMessage[] = [];
    for (let n = 0; n <= 50; n++) answers.push(await client.nextPush());
    expect(answers.map((answer) => answer.tag)).toEqual(
      Array.from({ length: 51 }, (_, n) => 1000 + n),
    );
    let rev = 1;
    for (const [n, answer] of answers.entries()) {
      if (n > 0 && n % 5 === 0) expect(answer.body._rev).toBe(rev);
      else if (answer.error === undefined && n > 0) expect(answer.rev).toBe(++rev);
    }
  });
});
