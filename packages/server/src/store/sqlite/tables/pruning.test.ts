import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { simulatedPlatform } from '../../../platform/simulated.js';
import { alone, creation, deletion, each, layout, update } from '../../contract/sample-writes.js';
import { horizonOf, mostRevisions } from '../../retention.js';
import type { Store } from '../../store.js';
import type { StoredObject } from '../../stored-object.js';
import { Scratch } from '../scratch.fixture.js';
import type { ChangeLog } from './change-log.js';
import { Pruning } from './pruning.js';

const scratch = Scratch.each();

async function live(
  store: Store,
  head: StoredObject,
  updates: number,
  at = 0,
): Promise<StoredObject> {
  let last = head;
  for (let n = 0; n < updates; n += 100) {
    const writes = [];
    for (let i = 0; i < Math.min(100, updates - n); i++) {
      const write = update(last, { n: n + i }, { at });
      writes.push(write);
      last = write.object;
    }
    await store.commit(each(...writes));
  }
  return last;
}

function rows(file: string, statement: string): unknown[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare(statement).all();
  } finally {
    db.close();
  }
}

describe('[RET1] what is no longer visible is removed', () => {
  test('revisions beyond the retention, with a few exceptions, and never the creation', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file, history: 20 });
    const first = creation('/users/1', { n: 0 });
    await store.commit(each(first, creation('/users/2')));
    await live(store, first.object, 1000);
    const stored = rows(file, "SELECT rev, pos FROM changes WHERE r = '/users/1' ORDER BY rev");
    const revs = (stored as { rev: number }[]).map(({ rev }) => rev);
    expect(revs[0]).toBe(1);
    expect(revs.slice(-20)[0]).toBe(982);
    expect(revs.length).toBeLessThanOrEqual(2 * 20 + 1);
    // A replay of the whole collection can begin after the last removed change.
    const gone = (stored as { rev: number; pos: number }[])[1]?.pos ?? 0;
    expect(rows(file, 'SELECT name, floor FROM collections')).toEqual([
      { name: 'users', floor: gone - 1 },
    ]);
  });

  test('changes older than the retention, except for creations of living objects', async () => {
    const file = scratch.file();
    const platform = simulatedPlatform({ seed: 1, now: 1_000_000 });
    const store = await scratch.open({ file }, platform);
    await store.prepare([layout('users', [], { age: 1000 })]);
    const first = creation('/users/1', { n: 0 }, { at: 1_000_000 });
    await store.commit(each(first, creation('/notes/1', { n: 0 }, { at: 1_000_000 })));
    const head = await live(store, first.object, 500, 1_000_000);
    platform.advance(2000);
    await live(store, head, 1500, 1_002_000);
    const old = 'SELECT rev FROM changes WHERE at < 1001000 AND r LIKE ?';
    expect(rows(file, old.replace('?', "'/users/%'"))).toEqual([{ rev: 1 }]);
    expect(rows(file, old.replace('?', "'/notes/%'"))).toEqual([{ rev: 1 }]);
    expect(rows(file, "SELECT floor FROM collections WHERE name = 'users'")).toEqual([
      { floor: 502 },
    ]);
  });

  test('forgotten once-keys', async () => {
    const file = scratch.file();
    const platform = simulatedPlatform({ seed: 1 });
    const store = await scratch.open({ file, onceWindow: 1000, onceKeep: 50 }, platform);
    const use = async (uid: string, from: number, count: number) => {
      const keys = Array.from({ length: count }, (_, n) => `${uid}${from + n}`);
      await store.commit(
        keys.map((id) =>
          alone(creation(`/users/${id}`), { uid, id, cmd: 'create', r: '/users/*' }),
        ),
      );
    };
    for (let n = 0; n < 2000; n += 200) await use('a', n, 200);
    const stored = () =>
      (rows(file, 'SELECT count(*) AS n FROM once') as { n: number }[])[0]?.n ?? 0;
    expect(stored()).toBeLessThan(50 + 512);
    await use('b', 0, 40);
    platform.advance(1000);
    for (let n = 0; n < 800; n += 200) await use('c', n, 200);
    expect(rows(file, 'SELECT * FROM once WHERE uid = \'"b"\'')).toEqual([]);
  });
});

test('[DEL3] all content of a deleted object, from the file', async () => {
  const file = scratch.file();
  const store = await scratch.open({ file });
  const secret = 'the-secret-of-ann';
  const first = creation('/users/1', { [secret]: `${secret} ${'x'.repeat(6000)}` });
  await store.commit(each(first, creation('/users/2', { n: 1 })));
  const changed = update(first.object, { [secret]: `other ${secret}` });
  await store.commit(each(changed));
  await store.commit(each(deletion(changed.object)));
  await store.close();
  expect(readFileSync(file).includes(secret)).toBe(false);
});

test('[RET1] of an object no more are kept than a deletion may remove in one commit', () => {
  const removed: number[] = [];
  const log = { prune: (_: number, pos: number, rev: number) => removed.push(pos - rev) };
  for (const retention of [{ age: 2_592_000_000 }, { history: 1_000_000 }]) {
    const pruning = new Pruning(log as unknown as ChangeLog, { history: 1000 });
    for (let rev = 1; rev <= mostRevisions + 10_000; rev++) {
      pruning.afterWrite(1, rev, rev, layout('users', [], retention));
    }
    expect(horizonOf(retention, 1000).oldestRev(mostRevisions + 10)).toBe(11);
  }
  // Few are removed at a time.
  expect(removed).toEqual([1, 2, 3, 4].map(() => mostRevisions));
});
