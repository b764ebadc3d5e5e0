import type { JsonObject } from '@really/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loaded } from '../model/models.fixture.js';
import { jsonValue, objectData } from '../store/contract/arbitraries.js';
import { creation, deletion, each, update } from '../store/contract/sample-writes.js';
import type { Store } from '../store/store.js';
import type { StoredObject } from '../store/stored-object.js';
import { contentOf, exported, imported, openMemory, openSqlite } from './transfer.fixture.js';

const rs = ['/a/1', '/a/2', '/a/1/b/1', '/a/9/b/1', '/A/1', '/_accounts/1', '/a/1-/b/1'];
const yaml = `version: 3
fields:
  any: { type: Json }
  n: { type: Double }
`;

const step = fc.record({
  r: fc.constantFrom(...rs),
  kind: fc.constantFrom('write', 'write', 'write', 'write', 'delete'),
  any: fc.oneof(jsonValue, objectData),
  n: fc.double({ noNaN: true, noDefaultInfinity: true }),
  at: fc.integer({ min: 1, max: 2_000_000_000_000 }),
  version: fc.constantFrom(1, 3),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Data as a model would store it: no null fields, and JSON has no -0. */
function dataOf({ any, n }: Step): JsonObject {
  const data = { ...(any !== null && { any }), n };
  return JSON.parse(JSON.stringify(data)) as JsonObject;
}

async function write(store: Store, steps: readonly Step[]): Promise<void> {
  for (const given of steps) {
    const { r, kind, at, version } = given;
    const head = await store.get(r);
    if (head?.deleted) continue;
    const made = writeOf(head, given);
    const object: StoredObject = { ...made.object, modelVersion: version };
    const by = { uid: `u${at}`, authType: 'x', data: { 'n\0': '\ud800' } };
    const change = { ...made.change, at, by, modelVersion: version };
    const outcomes = await store.commit(each({ ...made, change, object }));
    expect(outcomes, `${kind} ${r}`).toMatchObject([{ kind: 'committed' }]);
  }
}

function writeOf(head: StoredObject | undefined, given: Step) {
  if (!head) return creation(given.r, dataOf(given));
  return given.kind === 'delete' ? deletion(head) : update(head, dataOf(given));
}

describe.each([
  ['memory', 'SQLite', openMemory, openSqlite],
  ['SQLite', 'memory', openSqlite, openMemory],
] as const)('from %s to %s', (_from, _to, openFrom, openTo) => {
  test('[MOV14] [MOV3] [MOV8] exporting with history, importing and exporting again gives the same lines', async () => {
    const files = ['a', 'A', 'a/b'].map((name) => [`${name}/model.yaml`, yaml]);
    const { models } = await loaded(Object.fromEntries(files));
    const check = async (steps: readonly Step[]) => {
      const [from, to] = [await openFrom(), await openTo()];
      try {
        await write(from.store, steps);
        const text = await exported(from.reader);
        await imported(to.store, models, text);
        expect(contentOf(await exported(to.reader))).toEqual(contentOf(text));
        expect(await to.store.latestChangeTime()).toBe(await from.store.latestChangeTime());
        for (const r of rs) expect(await to.store.get(r)).toEqual(await from.store.get(r));
        for (const r of rs) {
          const restored = await to.store.history(r, 0, 1000);
          expect(restored).toEqual(await from.store.history(r, 0, 1000));
        }
      } finally {
        await Promise.all([from.close(), to.close()]);
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), check), { numRuns: 30 });
  });
});

test('[MOV14] changes pruned by age stay pruned: only creations are left, and tombstones without their deletion', async () => {
  const { models } = await loaded({ 'a/model.yaml': yaml });
  const [from, to] = [await openSqlite(), await openSqlite()];
  const [born, gone] = [creation('/a/1', { n: 1 }), deletion(creation('/a/2').object)];
  const pruned = [
    { object: update(born.object, { n: 2 }).object, history: [born.change], replaces: false },
    { object: gone.object, history: [], replaces: false },
  ];
  try {
    await from.store.restore(pruned, 0);
    const text = await exported(from.reader);
    await imported(to.store, models, text);
    expect(contentOf(await exported(to.reader))).toEqual(contentOf(text));
    expect(contentOf(text)).toHaveLength(3);
  } finally {
    await Promise.all([from.close(), to.close()]);
  }
});
