import { join } from 'node:path';
import type { JsonObject } from '@really/protocol';
import {
  openSqliteStore,
  type Store,
  silentLog,
  systemPlatform,
  type WriteGroup,
} from '@really/server/internal';

/** What is asked for: many objects, long lists, large texts, many parents, and rules that look at each object. */
export const costApp: Readonly<Record<string, string>> = {
  'models/things/model.yaml': `version: 1
fields:
  n: { type: Long, index: true }
  tag: { type: String, index: true }
  text: { type: String }
  list: { type: List, items: Json }
  names: { type: List, items: String }
  doc: { type: Object, fields: { a: { type: Json }, b: { type: String } } }
  json: { type: Json }
  more: { type: reference, collectionR: /things, fields: [n, text] }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/things/parts/model.yaml': `version: 1
fields:
  n: { type: Long }
  text: { type: String }
  list: { type: List, items: Json }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/owned/model.yaml': `version: 1
fields:
  owner: { type: String }
  n: { type: Long }
  list: { type: List, items: Json }
  text: { type: String }
access:
  create: true
  read: obj.owner == auth.uid || obj.n < 1000
  update: obj.owner == auth.uid
  delete: obj.owner == auth.uid
`,
};

const many = 20_000;
const perCommit = 1000;

/** Fills the app's database while no server runs. */
export async function fillCostApp(dir: string): Promise<void> {
  const store = await openSqliteStore(
    { file: join(dir, 'data', 'really.db') },
    systemPlatform,
    silentLog,
  );
  await store.prepare([
    {
      names: ['things'],
      indexes: [
        { fields: ['n'], unique: false },
        { fields: ['tag'], unique: false },
      ],
      retention: {},
    },
  ]);
  for (let start = 0; start < many; start += perCommit) await commit(store, start);
  await store.commit([
    creation('/things/wide', { n: -1, list: Array.from({ length: 10_000 }, (_, n) => n) }),
    creation('/things/objects', { n: -2, list: objects(5000) }),
    creation('/things/heavy', { n: -3, text: 'x'.repeat(900_000) }),
    ...Array.from({ length: 20 }, (_, n) =>
      creation(`/things/large-${n}`, { n: -4, tag: 'large', text: 'y'.repeat(100_000) }),
    ),
  ]);
  await store.close();
}

async function commit(store: Store, start: number): Promise<void> {
  const groups = Array.from({ length: perCommit }, (_, offset) => {
    const n = start + offset;
    const text = `text number ${n} `.repeat(1 + (n % 8));
    const list = Array.from({ length: n % 20 }, (_unused, index) => index * n);
    const data = { n, tag: `tag-${n % 100}`, text, list, names: [`a${n}`], json: { a: { b: n } } };
    if (n % 4 === 1) return creation(`/things/${n - 1}/parts/${n}`, { n, text, list });
    if (n % 4 === 2) return creation(`/owned/${n}`, { owner: `owner-${n % 50}`, n, text, list });
    return creation(`/things/${n}`, data);
  });
  await store.commit(groups);
}

/** Objects that are alike but for their end. */
function objects(count: number): JsonObject[] {
  return Array.from({ length: count }, (_, n) => ({ kind: 'same', name: 'the same text', n }));
}

function creation(r: string, data: JsonObject): WriteGroup {
  const common = { r, rev: 1, touched: {}, modelVersion: 1 };
  const by = { uid: 'filler' };
  const change = { ...common, type: 'create', delta: {}, created: data, by, at: 0 } as const;
  return { writes: [{ change, object: { ...common, data, deleted: false }, requires: [] }] };
}
