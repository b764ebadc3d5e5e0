import { describe, expect, test } from 'vitest';
import { creation, deletion, each, queryOf } from '../contract/sample-writes.js';
import type { Store } from '../store.js';
import { StoreUnavailable } from '../store-errors.js';
import { Scratch } from './scratch.fixture.js';

const scratch = Scratch.each();
const text = 'x'.repeat(3000);

/** Writes until there is no room; returns the ids that were answered. */
async function fillUp(store: Store): Promise<number[]> {
  const answered: number[] = [];
  for (let n = 0; ; n += 2) {
    const ids = [n, n + 1];
    try {
      await store.commit(each(...ids.map((id) => creation(`/users/${id}`, { text }))));
    } catch (error) {
      expect(error).toBeInstanceOf(StoreUnavailable);
      return answered;
    }
    answered.push(...ids);
  }
}

describe('[DUR6] a database without room', () => {
  test('refuses to write and loses nothing', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file, maxSize: 500_000 });
    const answered = await fillUp(store);
    expect(answered.length).toBeGreaterThan(20);
    expect(await store.count(queryOf('users'))).toBe(answered.length);
    expect(await store.position()).toBe(answered.length);
    const next = answered.length;
    expect(await store.getMany([`/users/${next}`, `/users/${next + 1}`])).toEqual([
      undefined,
      undefined,
    ]);
    for (const id of answered) expect((await store.get(`/users/${id}`))?.data).toEqual({ text });
    await store.close();

    const again = await scratch.open({ file });
    expect(await again.count(queryOf('users'))).toBe(answered.length);
    expect(await again.commit(each(creation(`/users/${next}`, { text })))).toEqual([
      { kind: 'committed', positions: [next + 1] },
    ]);
  });

  test('works again when there is room', async () => {
    const store = await scratch.open({ file: scratch.file(), maxSize: 500_000 });
    const answered = await fillUp(store);
    const first = await store.getMany(answered.slice(0, 6).map((id) => `/users/${id}`));
    const deletions = first.flatMap((object) => (object ? [deletion(object)] : []));
    for (const write of deletions) {
      expect(await store.commit(each(write))).toMatchObject([{ kind: 'committed' }]);
    }
    const outcomes = await store.commit(
      each(creation('/users/a', { text }), creation('/users/b', { text })),
    );
    const pos = answered.length + deletions.length;
    expect(outcomes).toEqual([
      { kind: 'committed', positions: [pos + 1] },
      { kind: 'committed', positions: [pos + 2] },
    ]);
    expect((await store.history('/users/a', 0, 10)).entries).toHaveLength(1);
  });

  test('a batch that does not fit is not written at all', async () => {
    const store = await scratch.open({ file: scratch.file(), maxSize: 300_000 });
    await store.commit(each(creation('/users/first', { n: 1 })));
    const writes = Array.from({ length: 200 }, (_, n) => creation(`/users/${n}`, { text }));
    await expect(store.commit(each(...writes))).rejects.toThrow(StoreUnavailable);
    expect(await store.count(queryOf('users'))).toBe(1);
    expect(await store.commit(each(creation('/users/0', { n: 1 })))).toEqual([
      { kind: 'committed', positions: [2] },
    ]);
  });
});
