import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loaded } from '../../model/models.fixture.js';
import type { Store } from '../../store/store.js';
import { FakeConnection, setUpLive } from '../live.fixture.js';
import { LookupRecorder } from './lookup-recorder.js';

const files = {
  'users/model.yaml': `version: 1
fields: { role: { type: String }, n: { type: Long } }
access: { read: true }
`,
  'docs/model.yaml': `version: 1
fields:
  title: { type: Long }
  owner: { type: reference, collectionR: /users }
lookups: { boss: "{obj.owner}" }
access: { read: 'boss?.role == "boss"' }
`,
};

/** Documents that everybody sees while their owner is a boss, and subscriptions to them. */
async function setUp() {
  let store: Store | undefined;
  const reads: string[] = [];
  const { models } = await loaded(files, {
    readLookups: async (rs) => {
      reads.push(...rs);
      return (await store?.getMany(rs)) ?? [];
    },
  });
  const on = await setUpLive({ models: models.all() });
  ({ store } = on);
  for (const user of ids) await on.create(`/users/${user}`, { role: 'boss' });
  for (const doc of ids) await on.create(`/docs/${doc}`, { title: 0, owner: `/users/${doc}` });
  const connection = new FakeConnection();
  await on.subscribe(connection, ...ids.map((doc) => `/docs/${doc}`));
  const received = async () => {
    await on.settle();
    await on.live.settled();
    return connection.received();
  };
  await received();
  reads.length = 0;
  return { on, reads, connection, received };
}

const ids = ['1', '2', '3'];
const id = fc.constantFrom(...ids);
const step = fc.oneof(
  fc.record({ kind: fc.constant('role' as const), user: id, value: fc.boolean() }),
  fc.record({ kind: fc.constant('owner' as const), doc: id, user: id }),
  fc.record({ kind: fc.constant('title' as const), doc: id }),
);

test('[LKP4] a subscription is authorized again by what it looked at, and by nothing else', async () => {
  const { on, reads, received } = await setUp();
  await on.set('/users/1', { n: 1 });
  expect(await received()).toEqual([]);
  expect(reads).toEqual([]);
  await on.set('/users/1', { role: 'other' });
  expect(await received()).toMatchObject([{ evt: 'failed', r: '/docs/1', error: { code: 403 } }]);
  expect(new Set(reads)).toEqual(new Set(['/users/1']));
  // Another owner, and then a change of that owner.
  await on.set('/docs/2', { owner: '/users/3' });
  expect(await received()).toMatchObject([{ evt: 'updated', r: '/docs/2' }]);
  await on.set('/users/3', { role: 'other' });
  const failed = (await received()).map(({ evt, r }) => `${evt} ${r}`);
  expect(failed.sort()).toEqual(['failed /docs/2', 'failed /docs/3']);
});

test('[LKP4] whoever owns a document when, it is heard of only while the owner is a boss', async () => {
  let ended = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.tuple(step, fc.boolean()), { minLength: 1, maxLength: 40 }),
      async (isSettledEach, steps) => {
        const { on, connection, received } = await setUp();
        const bosses = new Set(ids);
        const ownerOf = new Map(ids.map((doc) => [doc, doc]));
        const alive = new Set(ids);
        let title = 0;
        for (const [{ kind, ...of }, isSettled] of steps) {
          if (kind === 'role' && 'value' in of) {
            await on.set(`/users/${of.user}`, { role: of.value ? 'boss' : 'other' });
            if (of.value) bosses.add(of.user);
            else bosses.delete(of.user);
          } else if (kind === 'owner' && 'doc' in of && 'user' in of) {
            await on.set(`/docs/${of.doc}`, { owner: `/users/${of.user}` });
            ownerOf.set(of.doc, of.user);
          } else if ('doc' in of) {
            title += 1;
            await on.set(`/docs/${of.doc}`, { title });
          }
          const seen = new Set(ids.filter((doc) => bosses.has(ownerOf.get(doc) ?? '')));
          if (!isSettled && !isSettledEach) continue;
          const pushes = await received();
          for (const { evt, r } of pushes) if (evt === 'failed') alive.delete(r.slice(6));
          for (const doc of alive) expect(seen).toContain(doc);
          // Only something committed while all was settled ends a subscription.
          if (isSettledEach) {
            const ends = pushes.filter(({ evt }) => evt === 'failed').map(({ r }) => r.slice(6));
            for (const doc of ends) expect(seen).not.toContain(doc);
            ended += ends.length;
          }
        }
        for (const { evt, r } of await received()) if (evt === 'failed') alive.delete(r.slice(6));
        for (const doc of alive) expect(bosses).toContain(ownerOf.get(doc));
        expect(on.live.subscribedRs(connection).length).toBe(alive.size);
      },
    ),
    { numRuns: 150 },
  );
  expect(ended).toBeGreaterThan(5);
});

test('[LKP4] a recorder remembers what is looked for, and forgets what was used least lately', () => {
  const recorder = new LookupRecorder((rs) => rs.map(() => undefined));
  const known = new Set<string>();
  const stop = recorder.listen({
    onAdded: (r) => known.add(r),
    onForgotten: (r) => known.delete(r),
  });
  for (let n = 0; n < 128; n++) void recorder.read([`/users/${n}`]);
  void recorder.read(['/users/0', '/users/128']);
  expect(known.size).toBe(128);
  expect([recorder.has('/users/0'), recorder.has('/users/1')]).toEqual([true, false]);
  expect([known.has('/users/0'), known.has('/users/1')]).toEqual([true, false]);
  const next = new LookupRecorder((rs) => rs.map(() => undefined));
  next.addAll(recorder);
  stop();
  void recorder.read(['/users/200']);
  expect([next.has('/users/128'), next.has('/users/200'), known.has('/users/200')]).toEqual([
    true,
    false,
    false,
  ]);
});
