import { expect, test } from 'vitest';
import type { Model } from '../model/model.js';
import { loaded } from '../model/models.fixture.js';
import { createWrite } from '../objects/change.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { Search } from './search.js';

const open = 'access: { create: true, read: true }';
const files = (read: string) => ({
  'rooms/model.yaml': `version: 1\nfields: { members: { type: List, items: String } }\n${open}\n`,
  'rooms/tasks/model.yaml': `version: 1
fields: { text: { type: String } }
access: { create: true, read: '${read}' }
`,
});

/** Reads all tasks of ten rooms with ten tasks each, of which ann is in every other one. */
async function readAll(read: string) {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  const { model, models } = await loaded(files(read), { readLookups: (rs) => store.getMany(rs) });
  await store.prepare(models.all().map(({ layout }) => layout));
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  const expected: string[] = [];
  for (let room = 0; room < 10; room++) {
    const members = room % 2 === 0 ? ['ben', 'ann'] : ['ben'];
    const writes = [createWrite(`/rooms/${room}`, { members }, origin)];
    for (let task = 0; task < 10; task++) {
      const r = `/rooms/${room}/tasks/${task}`;
      writes.push(createWrite(r, { text: 'a' }, origin));
      if (room % 2 === 0) expected.push(r);
    }
    await store.commit([{ writes }]);
  }
  const judged: string[] = [];
  const { access, ...others } = model('rooms/tasks');
  const rule = access.read;
  const decide: typeof rule.decide = (scope) => {
    judged.push(scope.r);
    return rule.decide(scope);
  };
  const counted: Model = { ...others, access: { ...access, read: { ...rule, decide } } };
  const search = new Search({
    services: {
      ...{ store, platform, objects: { heads: (rs) => store.getMany(rs) } },
      limits: { ...defaultLimits, queryTime: 60_000 },
    },
    ...{ owner: '', auth: { uid: 'ann' }, model: counted, filter: undefined },
    scope: { names: ['rooms', 'tasks'], parents: ['*'] },
    order: { keys: [{ field: '_r', descending: false }] },
  });
  const hits = await search.page({ start: undefined, skip: 0, limit: 1000 });
  return { rs: hits.map(({ object }) => object.r).sort(), expected, judged };
}

test('[LKP5] a read below several parents judges a rule once for each of them', async () => {
  const { rs, expected, judged } = await readAll('parent?.members.includes(auth.uid)');
  expect(rs).toEqual(expected);
  expect(judged).toHaveLength(10);
});

test('[LKP5] a read below several parents judges each object that the rule looks at', async () => {
  const rule = 'parent?.members.includes(auth.uid) && obj.text.length == 1';
  const { rs, expected, judged } = await readAll(rule);
  expect(rs).toEqual(expected);
  expect(judged).toHaveLength(100);
});
