import { describe, expect, test } from 'vitest';
import { Ear, itemOf, modelOf, rule, stage } from './live.fixture.js';

const r = '/users/1';

describe('a connection that does not take its output', () => {
  test('[LIM4] updates wait as one snapshot', async () => {
    const { create, set, subscribe, live, settle, counts } = await stage();
    await create(r, { a: 1 });
    const [slow, quick] = [new Ear(), new Ear()];
    await subscribe(slow, { r, rev: 1 });
    await subscribe(quick, { r, rev: 1 });
    await set(r, { a: 2 });
    slow.congested = true;
    for (let a = 3; a <= 50; a++) await set(r, { a });
    await settle();
    expect(slow.told()).toEqual(['updated 2']);
    expect(quick.told()).toHaveLength(49);
    slow.congested = false;
    live.drained(slow);
    await settle();
    expect(slow.heard()).toEqual([
      { evt: 'snapshot', r, rev: 50, body: { _r: r, _rev: 50, a: 50 } },
    ]);
    await set(r, { a: 51 });
    expect(slow.told()).toEqual(['updated 51']);
    expect(counts.values.get('really_snapshots_total conflated')).toBe(1);
  });

  test('[LIM4] [PSH4] what changed nothing that it sees makes no snapshot', async () => {
    const { create, set, subscribe, live, settle } = await stage();
    await create(r, { a: 1 });
    const ear = new Ear();
    await subscribe(ear, { r, rev: 1, fields: ['a'] });
    ear.congested = true;
    await set(r, { b: 2 });
    ear.congested = false;
    live.drained(ear);
    await settle();
    expect(ear.told()).toEqual([]);
    await set(r, { a: 2 });
    expect(ear.heard()[0]?.meta?.prev).toBe(1);
  });

  test('[LIM4] what ended meanwhile is told in the end', async () => {
    const read = rule(({ obj }) => obj.a !== 'closed');
    const { create, set, remove, subscribe, live, settle } = await stage({
      models: [modelOf({ read })],
    });
    await create(r, { a: 1 });
    await create('/users/2', { a: 1 });
    const ear = new Ear();
    await subscribe(ear, { r, rev: 1 }, { r: '/users/2', rev: 1 });
    ear.congested = true;
    await set(r, { a: 2 });
    await remove(r);
    await set('/users/2', { a: 'closed' });
    await settle();
    expect(ear.told()).toEqual([]);
    ear.congested = false;
    live.drained(ear);
    await settle();
    expect(ear.told().sort()).toEqual(['deleted 3', 'failed']);
    expect(live.counts().subscriptions).toBe(0);
  });

  test('[LIM4] it stops again when it is full again', async () => {
    const { create, set, subscribe, live, settle } = await stage();
    const ear = new Ear();
    const ids = Array.from({ length: 20 }, (_, index) => `/users/${index}`);
    for (const id of ids) await create(id, {});
    await subscribe(ear, ...ids.map((id) => ({ r: id, rev: 1 })));
    ear.congested = true;
    for (const id of ids) await set(id, { a: 1 });
    const push = ear.push.bind(ear);
    const heard: string[] = [];
    ear.push = (frame) => {
      push(frame);
      ear.congested = ear.frames.length >= 3;
    };
    for (let round = 0; round < 7; round++) {
      ear.congested = false;
      live.drained(ear);
      await settle();
      expect(ear.frames.length).toBeLessThanOrEqual(3);
      heard.push(...ear.heard().map(({ r: id }) => id));
    }
    expect(heard.sort()).toEqual([...ids].sort());
  });

  test('[LIM4] [SUB2] a replay waits, and then goes on revision by revision', async () => {
    const { create, set, subscribe, live, settle } = await stage();
    await create(r, { a: 1 });
    for (let a = 2; a <= 10; a++) await set(r, { a });
    const ear = new Ear();
    const push = ear.push.bind(ear);
    ear.push = (frame) => {
      push(frame);
      ear.congested = ear.frames.length >= 4;
    };
    await subscribe(ear, { r, rev: 1 });
    expect(ear.told()).toEqual([2, 3, 4, 5].map((rev) => `updated ${rev}`));
    ear.congested = false;
    live.drained(ear);
    await settle();
    expect(ear.told()).toEqual([6, 7, 8, 9].map((rev) => `updated ${rev}`));
    ear.congested = false;
    live.drained(ear);
    await settle();
    expect(ear.told()).toEqual(['updated 10']);
  });

  test('[LIM4] a collection goes on from where it stopped, with each creation', async () => {
    const { create, subscribe, live, settle } = await stage();
    const ear = new Ear();
    await subscribe(ear, '/users');
    await create('/users/1', {});
    ear.congested = true;
    for (let id = 2; id <= 150; id++) await create(`/users/${id}`, {});
    expect(ear.told()).toEqual(['created /users/1']);
    ear.congested = false;
    live.drained(ear);
    await create('/users/151', {});
    await settle();
    await create('/users/152', {});
    expect(ear.told()).toEqual(
      Array.from({ length: 151 }, (_, index) => `created /users/${index + 2}`),
    );
  });

  test('[LIM4] a first snapshot waits too', async () => {
    const { create, set, subscribe, live, settle } = await stage();
    await create(r, { a: 1 });
    const ear = new Ear();
    ear.congested = true;
    await subscribe(ear, r);
    await set(r, { a: 2 });
    expect(ear.told()).toEqual([]);
    ear.congested = false;
    live.drained(ear);
    await settle();
    expect(ear.told()).toEqual(['snapshot 2']);
  });
});

describe('how many', () => {
  test('[LIM3] so many subscriptions, and so many of reads', async () => {
    const { create, subscribe, live } = await stage({ limits: { subscriptions: 4, queries: 2 } });
    for (const id of [1, 2, 3, 4]) await create(`/users/${id}`, {});
    const ear = new Ear();
    const watch = () => {
      const order = { field: '_r', descending: true };
      const scope = { names: ['users'], parents: [] };
      return live.watch(ear, { r: '/users/*', scope, order, limit: 200 });
    };
    await watch();
    await watch();
    await expect(watch()).rejects.toMatchObject({ code: 429, meta: { retryAfter: 1 } });
    const answer = await subscribe(ear, '/users/1', '/users/2', '/users/3', '/users', '/users/1');
    const failure = { error: { code: 429, message: 'rate.limited' }, meta: { retryAfter: 1 } };
    expect(answer.subscriptions).toHaveLength(3);
    expect(answer.failures).toEqual([
      { r: '/users/3', ...failure },
      { r: '/users/*', ...failure },
    ]);
    live.drop(ear);
    expect(live.counts()).toEqual(nothing);
  });

  test('when all are gone nothing is left', async () => {
    const { create, set, subscribe, live, settle } = await stage();
    for (let id = 0; id < 30; id++) await create(`/users/${id}`, { a: 1 });
    for (let round = 0; round < 3; round++) {
      const ears = Array.from({ length: 30 }, (_, index) => new Ear(`u${index % 3}`));
      for (const ear of ears) {
        const ids = Array.from({ length: 30 }, (_, id) => ({ r: `/users/${id}` }));
        await subscribe(ear, ...ids, '/users', '/users/99');
      }
      expect(live.counts()).toMatchObject({ listeners: 30, objectTopics: 30, collectionTopics: 1 });
      for (let id = 0; id < 30; id++) await set(`/users/${id}`, { a: round });
      for (const ear of ears) live.drop(ear);
      await settle();
      expect(live.counts()).toEqual(nothing);
    }
  });

  test('a connection that goes while its command is under way leaves nothing', async () => {
    const { create, set, subscribe, live, settle } = await stage();
    await create(r, { a: 1 });
    const ear = new Ear();
    const answered = live.subscribe(ear, [itemOf(r), itemOf('/users')]);
    live.drop(ear);
    const { start } = await answered;
    start();
    await settle();
    await set(r, { a: 2 });
    await subscribe(ear, r);
    expect(ear.told()).toEqual([]);
    expect(live.counts()).toEqual(nothing);
  });

  test('a connection that goes while it is being pushed to does not disturb the others', async () => {
    const { create, set, subscribe, live } = await stage();
    await create(r, { a: 1 });
    const ears = Array.from({ length: 9 }, () => new Ear());
    for (const ear of ears) await subscribe(ear, { r, rev: 1 });
    for (const index of [0, 4, 8]) {
      const ear = ears[index];
      if (ear) ear.push = () => live.drop(ear);
    }
    await set(r, { a: 2 });
    await set(r, { a: 3 });
    const told = ears.map((ear) => ear.told().length);
    expect(told).toEqual([0, 2, 2, 2, 0, 2, 2, 2, 0]);
    expect(live.counts().subscriptions).toBe(6);
  });

  test('[DUR5] a connection whose replay waits for the store does not keep the others waiting', async () => {
    let stuck = 0;
    const { create, set, subscribe } = await stage({
      wrap: (store) =>
        new Proxy(store, {
          get(target, name) {
            const method: unknown = Reflect.get(target, name);
            if (typeof method !== 'function') return method;
            if (name !== 'history') return method.bind(target);
            return (id: string, ...rest: unknown[]) => {
              if (!id.startsWith('/users/slow')) return method.call(target, id, ...rest);
              stuck += 1;
              return new Promise(() => {});
            };
          },
        }),
    });
    const ids = Array.from({ length: 100 }, (_, index) => `/users/slow${index}`);
    for (const id of [...ids, r]) {
      await create(id, {});
      await set(id, { a: 1 });
    }
    const [greedy, modest] = [new Ear(), new Ear()];
    await subscribe(greedy, ...ids.map((id) => ({ r: id, rev: 1 })));
    await subscribe(modest, { r, rev: 1 });
    expect(modest.told()).toEqual(['updated 2']);
    expect(stuck).toBe(4);
  });
});

const nothing = {
  listeners: 0,
  subscriptions: 0,
  queries: 0,
  objectTopics: 0,
  collectionTopics: 0,
  queryGroups: 0,
  queryRows: 0,
  parkedRows: 0,
  readingsWaiting: 0,
};
