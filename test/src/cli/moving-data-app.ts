import { join } from 'node:path';
import {
  openSqliteReader,
  openSqliteStore,
  type Store,
  type StoreReader,
  silentLog,
  systemPlatform,
} from '@really/server/internal';

/** An app with parents and references, as `start` needs it. */
export const movingApp = {
  'models/tasks/model.yaml': `version: 1
fields:
  title: { type: String, required: true }
  votes: { type: Long, default: 0, index: true }
  mail: { type: String, unique: true }
  loud: { type: Calculated, valueType: String, dependsOn: title, value: 'this.title + "!"' }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/tasks/notes/model.yaml': `version: 1
fields:
  text: { type: String }
  about: { type: reference, collectionR: /tasks, fields: [title] }
access: { create: true, read: true, update: true, delete: true }
`,
};

export const databaseIn = (dir: string) => join(dir, 'data', 'really.db');

export function openStoreIn(dir: string): Promise<Store> {
  return openSqliteStore({ file: databaseIn(dir) }, systemPlatform, silentLog);
}

/** Puts so many tasks, of two revisions each, into an app whose server does not run. */
export async function fillTasks(dir: string, count: number): Promise<void> {
  const store = await openStoreIn(dir);
  const by = { uid: 'filler' };
  for (let at = 0; at < count; at += 500) {
    const numbers = Array.from({ length: Math.min(500, count - at) }, (_, index) => at + index);
    await store.commit(
      numbers.map((n) => {
        const r = `/tasks/${n}`;
        const data = { title: `task ${n}`, votes: 0, mail: `${n}@x.org`, loud: `task ${n}!` };
        const object = { r, rev: 1, data, touched: {}, deleted: false, modelVersion: 1 };
        const about = { r, by, modelVersion: 1, at: 1_700_000_000_000 + n };
        const born = { ...about, rev: 1, type: 'create', created: data } as const;
        const next = { ...about, rev: 2, type: 'update', created: null } as const;
        const delta = { votes: { op: 'addNumber', opValue: 1, value: 1 } } as const;
        const grown = { ...object, rev: 2, data: { ...data, votes: 1 }, touched: { votes: 2 } };
        const writes = [
          { change: { ...born, delta: {}, touched: {} }, object, requires: [] },
          { change: { ...next, delta, touched: { votes: 1 } }, object: grown, requires: [] },
        ];
        return { writes };
      }),
    );
  }
  await store.close();
}

/** All objects of a database with their histories, by R. */
export async function contentOf(file: string): Promise<Map<string, unknown>> {
  const reader = openSqliteReader(file);
  try {
    return await readAll(reader);
  } finally {
    await reader.close();
  }
}

async function readAll(reader: StoreReader): Promise<Map<string, unknown>> {
  const all = new Map<string, unknown>();
  for (const { names } of await reader.collections()) {
    let after: string | undefined;
    for (let more = true; more; ) {
      const slice = await reader.slice({ names, after, limit: 500, history: true });
      for (const kept of slice.entries) all.set(kept.object.r, kept);
      after = slice.entries.at(-1)?.object.r;
      more = slice.more;
    }
  }
  return all;
}

/** The lines of an export that are of objects and changes. */
export function linesBetween(text: string): string[] {
  return text.split('\n').slice(1, -2);
}
