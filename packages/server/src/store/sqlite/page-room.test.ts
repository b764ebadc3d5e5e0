import type { SortPosition } from '@really/protocol';
import { expect, test } from 'vitest';
import { systemPlatform } from '../../platform/system.js';
import { creation, each, queryOf } from '../contract/sample-writes.js';
import { sortPositionOf } from '../order.js';
import type { Query } from '../store-reads.js';
import type { StoredObject } from '../stored-object.js';
import { Scratch } from './scratch.fixture.js';

const scratch = Scratch.each();

test('[LIM4] a page ends early where its objects are large, says so, and paging omits nothing', async () => {
  const store = await scratch.open({ file: scratch.file() }, systemPlatform);
  const text = 'x'.repeat(1000);
  const objects = Array.from({ length: 30 }, (_, n) =>
    creation(`/users/${n}`, { text, ...(n % 3 > 0 && { n: n % 7 }) }),
  );
  await store.commit(each(...objects));
  const order = { keys: [{ field: 'n', descending: true }] };
  const query: Query = { ...queryOf('users'), order };
  const whole = await store.query(query);
  expect(whole).toHaveLength(30);

  const walked: StoredObject[] = [];
  let from: SortPosition | undefined;
  for (let pages = 0; pages < 100; pages++) {
    const room = { size: 2500, isCut: false };
    const page = await store.query({ ...query, from, room });
    walked.push(...page);
    const last = page.at(-1);
    if (!room.isCut || !last) break;
    expect(page).toHaveLength(3);
    from = sortPositionOf(last, order);
  }
  expect(walked).toEqual(whole);

  const room = { size: 1, isCut: false };
  expect(await store.query({ ...query, room })).toEqual(whole.slice(0, 1));
  expect(room.isCut).toBe(true);
});
