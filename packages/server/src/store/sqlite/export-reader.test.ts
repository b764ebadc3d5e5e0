import { expect, test } from 'vitest';
import { simulatedPlatform } from '../../platform/simulated.js';
import { creation, deletion, each, layout, update } from '../contract/sample-writes.js';
import { openSqliteExportReader } from './export-reader.js';
import { Scratch } from './scratch.fixture.js';

const scratch = Scratch.each();

test('[MOV4] collections whose changes were pruned by age are reported, as long as they may be missing', async () => {
  const file = scratch.file();
  const platform = simulatedPlatform({ seed: 1, now: 1_000_000 });
  const store = await scratch.open({ file }, platform);
  const reader = openSqliteExportReader(file);
  scratch.defer(() => reader.close());
  await store.prepare([layout('users', [], { age: 1000 }), layout('notes')]);
  const at = { at: 1_000_000 };
  const made = ['/users/1', '/users/2', '/notes/1'].map((r) => creation(r, {}, at));
  await store.commit(each(...made));
  const since = await store.position();
  const [a, b] = made;
  if (!a || !b) throw new Error('there are three');
  const [grown, gone] = [update(a.object, { n: 1 }, at), deletion(b.object, at)];
  await store.commit(each(grown, gone));
  expect(await reader.altered(since, 100, true)).toMatchObject({ lost: [] });
  platform.advance(5000);
  let { object } = creation('/notes/2');
  await store.commit(each(creation('/notes/2')));
  for (let n = 0; n < 600; n++) {
    const next = update(object, { n }, { at: 1_005_000 });
    await store.commit(each(next));
    ({ object } = next);
  }
  const altered = await reader.altered(since, 1000, true);
  expect(altered.entries.map((kept) => kept.object.r)).toEqual(['/notes/2']);
  expect(altered.lost).toEqual([['users']]);
  expect((await reader.altered(altered.through, 1000, true)).lost).toEqual([]);
  const slice = await reader.slice({ names: ['users'], limit: 10, history: true });
  expect(slice.entries).toEqual([
    { object: grown.object, history: [a.change] },
    { object: gone.object, history: [] },
  ]);
});

test('[MOV3] a slice ends when it is large, and the next goes on', async () => {
  const file = scratch.file();
  const store = await scratch.open({ file });
  const reader = openSqliteExportReader(file);
  scratch.defer(() => reader.close());
  const large = Array.from({ length: 8 }, (_, n) =>
    creation(`/users/${n}`, { s: 'x'.repeat(400_000) }),
  );
  await store.commit(each(...large));
  const seen: string[] = [];
  for (let more = true; more; ) {
    const after = seen.at(-1);
    const slice = await reader.slice({ names: ['users'], after, limit: 100, history: false });
    expect(slice.entries.length).toBeLessThan(4);
    seen.push(...slice.entries.map((kept) => kept.object.r));
    more = slice.more;
  }
  expect(seen).toEqual(large.map((write) => write.object.r));
});
