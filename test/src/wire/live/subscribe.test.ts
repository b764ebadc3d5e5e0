import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Client } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';

const server = wireServer({ REALLY_PUBLIC_DATA: 'nick' });

const create = (client: Client, r: string, body: JsonObject = {}) =>
  client.request({ cmd: 'create', r, body });
const updateAt = (client: Client, r: string, rev: number, ...ops: JsonObject[]) =>
  client.request({ cmd: 'update', r, rev, body: { ops } });
const update = (client: Client, r: string, ...ops: JsonObject[]) => updateAt(client, r, 1, ...ops);
const set = (key: string, value: JsonObject[string]) => ({ op: 'set', key, value });
const add = (key: string, value = 1) => ({ op: 'addNumber', key, value });
const subscribe = (client: Client, ...subscriptions: JsonObject[]) =>
  client.request({ cmd: 'subscribe', body: { subscriptions } });

describe('an object', () => {
  test('[SUB1] [SUB3] [PSH2] [PSH6] [PSH8] without rev: a snapshot, then changes', async () => {
    using client = await server.as('one', {
      authType: 'password',
      data: { nick: 'n', phone: 'p' },
      _r: '/users/one',
    });
    await create(client, '/users/s1', { name: 'a' });
    const answer = await subscribe(client, { r: '/users/s1/' });
    expect(answer.body.failures).toBeUndefined();
    expect(answer.body.subscriptions).toEqual([
      {
        r: '/users/s1',
        fields: expect.arrayContaining(['name', 'shout']),
        view: expect.stringMatching(/^[\w-]{16}$/),
      },
    ]);
    expect(await client.nextPush()).toEqual({
      evt: 'snapshot',
      r: '/users/s1',
      rev: 1,
      meta: { view: answer.body.subscriptions[0].view },
      body: expect.objectContaining({ _r: '/users/s1', _rev: 1, name: 'a', shout: 'HELLO A' }),
    });
    await update(
      client,
      '/users/s1',
      add('age', 3),
      { op: 'push', key: 'tags', value: 't' },
      { ...set('name', 'b') },
    );
    expect(await client.nextPush()).toEqual({
      evt: 'updated',
      r: '/users/s1',
      rev: 2,
      meta: {
        opBy: { authType: 'password', uid: 'one', _r: '/users/one', data: { nick: 'n' } },
        at: expect.any(String),
      },
      body: {
        age: { op: 'addNumber', opValue: 3, value: 3 },
        tags: { op: 'push', opValue: 't' },
        name: { op: 'set', opValue: 'b' },
        greeting: { op: 'set', opValue: 'Hello b' },
        shout: { op: 'set', opValue: 'HELLO B' },
      },
    });
  });

  test('[PSH3] [PSH2] folding, paths and opArgs', async () => {
    using client = await server.as('one');
    await create(client, '/users/s2', { name: 'a', tags: ['q'] });
    await subscribe(client, { r: '/users/s2', rev: 1 });
    await update(client, '/users/s2', add('age', 1), add('age', 1), {
      op: 'insertAt',
      key: 'tags',
      value: 'x',
      opArgs: { index: 0 },
    });
    expect((await client.nextPush()).body).toEqual({
      age: { op: 'set', opValue: 2 },
      tags: { op: 'insertAt', opValue: 'x', opArgs: { index: 0 } },
    });
    await update(client, '/users/s2', set('picture.xlarge', 'y'));
    expect((await client.nextPush()).body).toEqual({
      'picture.xlarge': { op: 'set', opValue: 'y' },
    });
  });

  test('[SUB2] [SUB7] with rev: each revision after it, then live', async () => {
    using client = await server.as('one');
    await create(client, '/users/s3', { name: 'a' });
    for (let n = 0; n < 5; n++) await update(client, '/users/s3', add('age'));
    await subscribe(client, { r: '/users/s3', rev: 3 });
    await update(client, '/users/s3', add('age'));
    const pushes = [];
    for (let n = 0; n < 4; n++) pushes.push(await client.nextPush());
    expect(pushes.map((push) => [push.evt, push.rev, push.body.age.value])).toEqual([
      ['updated', 4, 3],
      ['updated', 5, 4],
      ['updated', 6, 5],
      ['updated', 7, 6],
    ]);
    expect(await client.pushesUntilNow()).toEqual([]);
  });

  test('[SUB2] [RET1] beyond the history: one snapshot', async () => {
    using client = await server.as('one');
    await create(client, '/short/s4');
    for (let n = 0; n < 6; n++) await update(client, '/short/s4', add('n'));
    await subscribe(client, { r: '/short/s4', rev: 2 });
    expect(await client.nextPush()).toMatchObject({ evt: 'snapshot', rev: 7, body: { n: 6 } });
    expect(await client.pushesUntilNow()).toEqual([]);
    using other = await server.as('two');
    await subscribe(other, { r: '/short/s4', rev: 4 });
    const pushes = await other.pushesUntilNow();
    expect(pushes.map((push) => push.rev)).toEqual([5, 6, 7]);
  });

  test('[SUB4] [SUB1] [SUB10] [DEL4] failures, each for itself', async () => {
    using client = await server.as('one');
    using owner = await server.as('owner');
    await create(client, '/users/s5', { name: 'a' });
    await create(client, '/users/s6', { name: 'a' });
    await client.request({ cmd: 'delete', r: '/users/s6' });
    await create(owner, '/secrets/s5', { owner: 'owner' });
    const answer = await subscribe(
      client,
      { r: '/users/s5', rev: 9 },
      { r: '/users/none' },
      { r: '/users/s6' },
      { r: 'bad r' },
      { r: '/nothing/1' },
      { r: '/secrets/s5' },
      { r: '/users/s5', fields: ['nam'] },
      { r: '/users', pos: '999999999' },
      { r: '/users/s5', rev: 1 },
    );
    expect(answer.body.subscriptions).toHaveLength(1);
    expect(
      answer.body.failures.map(
        (failure: { r: string; error: { code: number; message: string } }) => [
          failure.r,
          failure.error.code,
          failure.error.message,
        ],
      ),
    ).toEqual([
      ['/users/s5', 409, 'object.revision.unknown'],
      ['/users/none', 404, 'object.missing'],
      ['/users/s6', 410, 'object.gone'],
      ['bad r', 400, 'r.invalid'],
      ['/nothing/1', 404, 'model.unknown'],
      ['/secrets/s5', 403, 'forbidden'],
      ['/users/s5', 400, 'request.invalid'],
      ['/users/*', 410, 'position.gone'],
    ]);
  });

  test('[PSH4] prev names the last relevant revision', async () => {
    using client = await server.as('one');
    await create(client, '/short/s7');
    await subscribe(client, { r: '/short/s7', rev: 1, fields: ['n'] });
    await update(client, '/short/s7', add('m'));
    await update(client, '/short/s7', add('m'));
    await update(client, '/short/s7', add('n'));
    await update(client, '/short/s7', add('n'), add('m'));
    const first = await client.nextPush();
    expect(first).toMatchObject({ rev: 4, meta: { prev: 1 }, body: { n: { value: 1 } } });
    const second = await client.nextPush();
    expect(second.meta).not.toHaveProperty('prev');
    expect(second).toMatchObject({ rev: 5, body: { n: { value: 2 } } });
    expect(second.body).not.toHaveProperty('m');
  });

  test('[SUB5] [UNS1] widening and narrowing', async () => {
    using client = await server.as('one');
    await create(client, '/short/s8');
    await subscribe(client, { r: '/short/s8', rev: 1, fields: ['n'] });
    const wide = await subscribe(client, { r: '/short/s8', rev: 1, fields: ['m'] });
    expect(wide.body.subscriptions[0].fields.sort()).toEqual(['m', 'n']);
    expect(await client.nextPush()).toMatchObject({
      evt: 'snapshot',
      rev: 1,
      body: { n: 0, m: 0 },
    });
    await subscribe(client, { r: '/short/s8', fields: ['n'] });
    expect(await client.pushesUntilNow()).toEqual([]);
    const narrow = await client.request({
      cmd: 'unsubscribe',
      body: { subscriptions: [{ r: '/short/s8', fields: ['n'] }] },
    });
    expect(narrow.body.subscriptions).toEqual([]);
    await update(client, '/short/s8', add('n'));
    await update(client, '/short/s8', add('m'));
    expect(await client.nextPush()).toMatchObject({ rev: 3, meta: { prev: 1 } });
    const end = await client.request({
      cmd: 'unsubscribe',
      body: { subscriptions: ['/short/s8'] },
    });
    expect(end.body.subscriptions).toEqual(['/short/s8']);
    await update(client, '/short/s8', add('m'));
    expect(await client.pushesUntilNow()).toEqual([]);
  });

  test('[PSH5] [DEL3] [DEL4] deleted ends it, in place of missed revisions', async () => {
    using client = await server.as('one');
    using late = await server.as('late');
    await create(client, '/users/s9', { name: 'a' });
    await subscribe(client, { r: '/users/s9', rev: 1 });
    await update(client, '/users/s9', add('age'));
    await client.request({ cmd: 'delete', r: '/users/s9' });
    expect((await client.nextPush()).rev).toBe(2);
    const deleted = {
      evt: 'deleted',
      r: '/users/s9',
      rev: 3,
      meta: { opBy: { uid: 'one' }, at: expect.any(String) },
    };
    expect(await client.nextPush()).toEqual(deleted);
    const answer = await subscribe(late, { r: '/users/s9', rev: 1 });
    expect(answer.body.failures).toBeUndefined();
    expect(await late.pushesUntilNow()).toEqual([deleted]);
  });

  test('[SUB10] [PSH7] lost rights end it, and are checked at every push', async () => {
    using owner = await server.as('owner');
    using other = await server.as('other');
    await create(owner, '/secrets/s10', { owner: 'owner', shared: true, text: 'open' });
    await subscribe(other, { r: '/secrets/s10' });
    await other.nextPush();
    await update(owner, '/secrets/s10', set('text', 'more'));
    expect((await other.nextPush()).body).toEqual({ text: { op: 'set', opValue: 'more' } });
    await updateAt(owner, '/secrets/s10', 2, set('shared', false), set('text', 'closed'));
    expect(await other.nextPush()).toEqual({
      evt: 'failed',
      r: '/secrets/s10',
      error: { code: 403, message: 'forbidden' },
    });
    await update(owner, '/secrets/s10', add('age'));
    expect(await other.pushesUntilNow()).toEqual([]);
  });

  test('[SUB9] [HOK2] [DUR4] hidden fields stay hidden, and seeing more is a snapshot', async () => {
    using client = await server.as('amal');
    await create(client, '/people/s11', { name: 'n', age: 3 });
    await subscribe(client, { r: '/people/s11' });
    await client.nextPush();
    await update(client, '/people/s11', set('age', 4));
    expect(await client.pushesUntilNow()).toEqual([]);
    await updateAt(client, '/people/s11', 2, set('age', 5), set('openAge', true));
    expect(await client.nextPush()).toMatchObject({
      evt: 'snapshot',
      rev: 3,
      body: { age: 5, openAge: true },
    });
    await updateAt(client, '/people/s11', 3, set('age', 6), set('openAge', false));
    const last = await client.nextPush();
    expect(last).toMatchObject({ evt: 'updated', rev: 4 });
    expect(last.body).toEqual({ openAge: { op: 'set', opValue: false } });
  });
});

describe('a collection', () => {
  test('[SUB6] [PSH1] from now on, and from a position', async () => {
    using client = await server.as('one');
    const answer = await subscribe(client, { r: '/users/' });
    expect(answer.body.subscriptions[0].r).toBe('/users/*');
    await create(client, '/users/c1', { name: 'a' });
    const first = await client.nextPush();
    expect(first).toEqual({
      evt: 'created',
      r: '/users/*',
      meta: { opBy: { uid: 'one' }, at: expect.any(String), pos: expect.any(String) },
      body: expect.objectContaining({ _r: '/users/c1', _rev: 1, name: 'a' }),
    });
    client.close();
    await client.closed;
    using again = await server.as('one');
    await create(again, '/users/c2', { name: 'b' });
    await create(again, '/users/c3', { name: 'c' });
    await subscribe(again, { r: '/users', pos: first.meta?.pos as string });
    await create(again, '/users/c4', { name: 'd' });
    const received = [await again.nextPush(), await again.nextPush(), await again.nextPush()];
    expect(received.map((push) => push.body._r)).toEqual(['/users/c2', '/users/c3', '/users/c4']);
    expect(await again.pushesUntilNow()).toEqual([]);
  });

  test('[SUB6] [R4] over all parents', async () => {
    using client = await server.as('one');
    await create(client, '/users/c5', { name: 'a' });
    await subscribe(client, { r: '/users/*/posts' });
    await create(client, '/users/c5/posts/1', { title: 't' });
    expect(await client.nextPush()).toMatchObject({
      r: '/users/*/posts/*',
      body: { _r: '/users/c5/posts/1' },
    });
  });

  test('[REA11] a read with subscribe', async () => {
    using client = await server.as('one');
    const answer = await client.request({
      cmd: 'read',
      r: '/short',
      cmdOpts: { subscribe: true, query: { filter: 'n > 3' }, fields: ['n'] },
    });
    const id = answer.meta?.subscription as string;
    expect(typeof id).toBe('string');
    await create(client, '/short/q1', { n: 1 });
    await create(client, '/short/q2', { n: 5 });
    const push = await client.nextPush();
    expect(push).toMatchObject({ evt: 'created', r: '/short/*', meta: { subscription: id } });
    expect(push.body).toEqual({ _r: '/short/q2', _rev: 1, n: 5 });
    const since = push.meta?.pos as string;
    await create(client, '/short/q3', { n: 6 });
    await client.nextPush();
    const ended = await client.request({ cmd: 'unsubscribe', body: { subscriptions: [id] } });
    expect(ended.body.subscriptions).toEqual([id]);
    const resumed = await client.request({
      cmd: 'read',
      r: '/short',
      cmdOpts: { subscribe: true, query: { filter: 'n > 3' }, since },
    });
    expect(resumed.body?.items).toBeUndefined();
    expect((await client.nextPush()).body._r).toBe('/short/q3');
    const skip = await client.request({
      cmd: 'read',
      r: '/short',
      cmdOpts: { subscribe: true, skip: 1 },
    });
    expect(skip.error).toMatchObject({ code: 400, message: 'request.invalid' });
  });

  test('[SUB10] only objects that may be read are pushed', async () => {
    using owner = await server.as('owner');
    using other = await server.as('other');
    await subscribe(other, { r: '/secrets' });
    await create(owner, '/secrets/c6', { owner: 'owner' });
    await create(owner, '/secrets/c7', { owner: 'owner', shared: true });
    expect((await other.nextPush()).body._r).toBe('/secrets/c7');
    expect(await other.pushesUntilNow()).toEqual([]);
  });
});
