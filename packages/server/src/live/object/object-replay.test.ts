import { expect, test } from 'vitest';
import { defaultLimits } from '../../platform/limits.js';
import { modelOf, setUpLive } from '../live.fixture.js';
import { ObjectReplay } from './object-replay.js';

const r = '/users/1';

test('[PSH4] after a snapshot, the revisions before it count for those that follow', async () => {
  const { create, set, store, platform } = await setUpLive({ models: [modelOf({ history: 4 })] });
  const replay = new ObjectReplay(
    { store, platform, limits: defaultLimits },
    { r, version: 1, partial: true },
  );
  const earlier = async (after: number) => {
    const page = await replay.next(after);
    if (page.kind !== 'revisions') return page.kind;
    const found: [number, number][] = [];
    for (const each of replay.revisions(page))
      found.push([each.change.rev, each.touchedBefore('a')]);
    return found;
  };
  await create(r, { a: 1 });
  await set(r, { a: 2 });
  expect(await earlier(1)).toEqual([[2, 1]]);
  // More than the history keeps.
  for (let a = 3; a <= 10; a++) await set(r, { a });
  expect(await earlier(2)).toBe('unknown');
  await set(r, { a: 11 });
  expect(await earlier(10)).toEqual([[11, 10]]);
});

test('[PSH4] a large revision that the subscriber has does not hide those that follow', async () => {
  const { create, set, store, platform } = await setUpLive();
  await create(r, { b: 'x'.repeat(600_000) });
  for (const a of [2, 3]) await set(r, { a });
  const replay = new ObjectReplay(
    { store, platform, limits: defaultLimits },
    { r, version: 1, partial: false },
  );
  const page = await replay.next(1);
  expect(page.kind === 'revisions' && page.changes.map(({ rev }) => rev)).toEqual([2, 3]);
});
