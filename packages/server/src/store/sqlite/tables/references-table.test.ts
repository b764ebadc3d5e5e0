import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { layOutReferences } from './references-table.js';
import { collectionTable } from './schema.js';

const table = collectionTable('tasks');

/** A database with one task, and its references as the triggers keep them. */
function opened(list: readonly unknown[]) {
  const db = new Database(':memory:');
  db.exec(`CREATE TABLE ${table} (born INTEGER PRIMARY KEY, deleted INTEGER, data TEXT)`);
  const references = ['list[]', 'items[].user', 'one'];
  layOutReferences(db, { names: ['tasks'], references, indexes: [], retention: {} });
  db.prepare(`INSERT INTO ${table} VALUES (1, 0, ?)`).run(JSON.stringify({ list }));
  const update = db.prepare(`UPDATE ${table} SET deleted = ?, data = ?`);
  return {
    set: (deleted: number, data: object) => void update.run(deleted, JSON.stringify(data)),
    rows: () => {
      const all = db.prepare('SELECT field, target FROM "references/tasks" ORDER BY 1, 2');
      return all.raw().all() as [string, string][];
    },
    changes: () => db.prepare('SELECT total_changes()').pluck().get() as number,
  };
}

const rsOf = (from: number, to: number) => {
  return Array.from({ length: to - from }, (_, n) => `/users/${from + n}`);
};

test('[CAS3] an update writes only the references that it adds and removes, of a list however long', () => {
  const { set, rows, changes } = opened(rsOf(0, 1000));
  const before = changes();
  set(0, { list: rsOf(1, 1001) });
  // The object itself, a reference removed and one added.
  expect(changes() - before).toBe(3);
  expect(new Set(rows().map(([, target]) => target))).toEqual(new Set(rsOf(1, 1001)));
});

test('[CAS3] it keeps those of living objects alone, in whatever order and however often they are in it', () => {
  const { set, rows } = opened(['/users/1', '/users/2', '/users/1']);
  const list = ['/users/2', '/users/3', '/users/2', 1, null];
  const items = [{ user: '/users/2' }, {}, { user: ['/users/9'] }];
  const kept = [
    ['items[].user', '/users/2'],
    ['list[]', '/users/2'],
    ['list[]', '/users/3'],
    ['one', '/users/2'],
  ];
  const data = { list, items, one: '/users/2' };
  set(0, data);
  expect(rows()).toEqual(kept);
  // Parked, within a transaction, and living again.
  set(2, data);
  expect(rows()).toEqual(kept);
  set(0, data);
  expect(rows()).toEqual(kept);
  set(1, data);
  expect(rows()).toEqual([]);
  set(0, { list: ['/users/4'] });
  expect(rows()).toEqual([['list[]', '/users/4']]);
});
