import type { Auth, JsonObject } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Model } from '../model/model.js';
import { loaded } from '../model/models.fixture.js';
import { createWrite } from '../objects/change.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { Scratch } from '../store/sqlite/scratch.fixture.js';
import type { Store } from '../store/store.js';
import { Search } from './search.js';

const scratch = Scratch.each();
const rooms = ['r1', 'r2'];
const readers: readonly Auth[] = ['ann', 'ben', 'cid'].map((uid) => ({
  uid,
  _r: `/people/${uid}`,
  data: { state: 'a' },
}));

/** Parts of rules: what holds for a room, for a task, and for what a task looks at. */
const condition = fc.constantFrom(
  ...['membership != null', 'membership', 'membership?.role == "owner"', 'parent?.open == true'],
  ...['["owner", "editor"].includes(membership?.role)', 'membership.role != "reader"'],
  ...['parents.rooms?.open', 'auth.uid == "ann"', 'membership?.role.length > 5'],
  ...['obj.state == "a"', '["a", "b"].includes(obj.state)', 'obj.state == membership?.state'],
  ...['membership?.states?.includes(obj.state)', 'obj.level <= membership?.level', 'obj.open'],
  ...['assignee?.uid == auth.uid', 'assignee.open', 'boss?.uid == auth.uid', 'boss == null'],
  ...['watching != null', 'watching?.level > 1', 'obj.state == watching?.state', 'listed?.open'],
  ...['r == parent?._r + "/tasks/1"', 'obj._r != own?._r', 'own?.role == "owner"'],
  ...[
    '[membership].some((one) => one?.role == "owner")',
    'parent?.states?.includes(auth.data.state)',
  ],
);
const { rule } = fc.letrec<{ rule: string }>((tie) => ({
  rule: fc.oneof(
    { depthSize: 'small' },
    { weight: 3, arbitrary: condition },
    fc
      .tuple(tie('rule'), fc.constantFrom('&&', '||'), tie('rule'))
      .map((all) => `(${all.join(' ')})`),
    tie('rule').map((inner) => `!(${inner})`),
    fc.tuple(tie('rule'), tie('rule'), tie('rule')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
  ),
}));

const state = fc.constantFrom('a', 'b', 'c');
const some = <T>(fields: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) =>
  fc.record(fields, { requiredKeys: [] }) as unknown as fc.Arbitrary<JsonObject>;
const room = some({ open: fc.boolean(), states: fc.array(state, { maxLength: 2 }) });
const member = some({
  role: fc.constantFrom('owner', 'editor', 'reader'),
  state,
  states: fc.array(state, { maxLength: 2 }),
  level: fc.integer({ min: 0, max: 3 }),
});
const person = fc.constantFrom('ann', 'ben', 'cid', 'nobody');
const personR = person.map((uid) => `/people/${uid}`);
const task = some({
  state,
  level: fc.integer({ min: 0, max: 3 }),
  open: fc.boolean(),
  assignee: personR,
});
const people = fc.dictionary(person, some({ uid: person, open: fc.boolean(), boss: personR }));
const world = fc.record({
  rooms: fc.dictionary(fc.constantFrom(...rooms), room),
  members: fc.dictionary(
    fc
      .tuple(fc.constantFrom(...rooms), fc.constantFrom('ann', 'ben', '1'))
      .map((all) => all.join(' ')),
    member,
  ),
  tasks: fc.dictionary(
    fc.tuple(fc.constantFrom(...rooms), fc.constantFrom('1', '2', '3')).map((all) => all.join(' ')),
    task,
    { maxKeys: 6 },
  ),
  watching: fc.dictionary(
    fc
      .tuple(fc.constantFrom(...rooms), fc.constantFrom('1', '2'), fc.constantFrom('ann', 'ben'))
      .map(([room, task, uid]) => `/rooms/${room}/tasks/${task}/watchers/${uid}`),
    some({ state, level: fc.integer({ min: 0, max: 3 }) }),
    { maxKeys: 4 },
  ),
  listed: fc.dictionary(
    fc
      .tuple(fc.constantFrom('ann', 'ben'), fc.constantFrom('1', '2'))
      .map(([uid, task]) => `/lists/${uid}/entries/${task}`),
    some({ open: fc.boolean() }),
  ),
  people,
});

/** Every object by its R. */
function objectsOf({
  rooms,
  members,
  tasks,
  people,
  watching,
  listed,
}: {
  watching: Record<string, JsonObject>;
  listed: Record<string, JsonObject>;
  rooms: Record<string, JsonObject>;
  members: Record<string, JsonObject>;
  tasks: Record<string, JsonObject>;
  people: Record<string, JsonObject>;
}): Map<string, JsonObject> {
  const below = (all: Record<string, JsonObject>, name: string) =>
    Object.entries(all).map(([key, data]) => {
      const [inRoom, id] = key.split(' ');
      return [`/rooms/${inRoom}/${name}/${id}`, data] as const;
    });
  return new Map([
    ...Object.entries(rooms).map(([id, data]) => [`/rooms/${id}`, data] as const),
    ...Object.entries(people).map(([id, data]) => [`/people/${id}`, data] as const),
    ...below(members, 'members'),
    ...below(tasks, 'tasks'),
    ...Object.entries({ ...watching, ...listed }),
  ]);
}

/** The oracle: the rule as plain JavaScript, with everything looked up by hand. */
function maySee(objects: ReadonlyMap<string, JsonObject>, rule: string, auth: Auth, r: string) {
  const at = (address: unknown) => {
    const data = typeof address === 'string' ? objects.get(address) : undefined;
    return data ? { ...data, _r: address as string, _rev: 1 } : null;
  };
  const [, , inRoom, , id] = r.split('/');
  const obj = at(r);
  const assignee: JsonObject | null = at(obj && (obj as JsonObject).assignee);
  const parent = at(`/rooms/${inRoom}`);
  const scope = {
    ...{ auth, obj, r, parent, parents: { rooms: parent } },
    membership: at(`/rooms/${inRoom}/members/${auth.uid}`),
    own: at(`/rooms/${inRoom}/members/${id}`),
    watching: at(`${r}/watchers/${auth.uid}`),
    listed: at(`/lists/${auth.uid}/entries/${id}`),
    assignee,
    boss: at(assignee?.boss),
  };
  try {
    return Boolean(new Function(...Object.keys(scope), `return ${rule}`)(...Object.values(scope)));
  } catch {
    return false;
  }
}

const open = 'access: { read: true }';
const filesWith = (read: string) => ({
  'rooms/model.yaml': `version: 1\nfields: { open: { type: Boolean }, states: { type: List, items: String } }\n${open}\n`,
  'rooms/members/model.yaml': `version: 1\nfields: { role: { type: String }, state: { type: String }, states: { type: List, items: String }, level: { type: Long } }\n${open}\n`,
  'people/model.yaml': `version: 1\nfields: { uid: { type: String }, open: { type: Boolean }, boss: { type: reference, collectionR: /people } }\n${open}\n`,
  'rooms/tasks/watchers/model.yaml': `version: 1\nfields: { state: { type: String }, level: { type: Long } }\n${open}\n`,
  'lists/model.yaml': `version: 1\nfields: {}\n${open}\n`,
  'lists/entries/model.yaml': `version: 1\nfields: { open: { type: Boolean } }\n${open}\n`,
  'rooms/tasks/model.yaml': `version: 1
fields:
  state: { type: String, index: true }
  level: { type: Long }
  open: { type: Boolean }
  assignee: { type: reference, collectionR: /people }
lookups:
  membership: /rooms/{ids.rooms}/members/{auth.uid}
  own: /rooms/{ids.rooms}/members/{ids.tasks}
  watching: /rooms/{ids.rooms}/tasks/{ids.tasks}/watchers/{auth.uid}
  listed: /lists/{auth.uid}/entries/{ids.tasks}
  boss: "{assignee.boss}"
  assignee: "{obj.assignee}"
access:
  read: >-
    ${read}
`,
});

async function seen(store: Store, model: Model, auth: Auth, parent: string) {
  const search = (field: string) =>
    new Search({
      services: {
        store,
        objects: { heads: (rs) => store.getMany(rs) },
        platform: simulatedPlatform({ seed: 1 }),
        limits: { ...defaultLimits, queryTime: 60_000 },
      },
      ...{ owner: '', auth, model, filter: undefined },
      scope: { names: model.names, parents: [parent] },
      order: { keys: [{ field, descending: false }] },
    });
  const options = { start: undefined, skip: 0, limit: 100 };
  const rs = (hits: readonly { object: { r: string } }[]) =>
    hits.map(({ object }) => object.r).sort();
  return {
    read: rs(await search('_r').page(options)),
    sorted: rs(await search('level').page(options)),
    count: await search('_r').count(),
  };
}

test.each(['memory', 'sqlite'] as const)(
  '[LKP2] [LKP5] what a reader finds is what the rule says of each object: %s',
  async (kind) => {
    await fc.assert(
      fc.asyncProperty(rule, world, async (source, state) => {
        const platform = simulatedPlatform({ seed: 1 });
        const store =
          kind === 'memory'
            ? openMemoryStore({}, platform)
            : await scratch.open({ file: scratch.file() });
        const readLookups = (rs: readonly string[]) => store.getMany(rs);
        const { models, model } = await loaded(filesWith(source), { readLookups });
        await store.prepare(models.all().map(({ layout }) => layout));
        const objects = objectsOf(state);
        const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
        await store.commit(
          [...objects].map(([r, data]) => ({ writes: [createWrite(r, data, origin)] })),
        );
        const tasks = [...objects.keys()].filter((r) => /\/tasks\/\d$/.test(r)).sort();
        for (const auth of readers) {
          for (const parent of [...rooms, '*']) {
            const visible = tasks.filter(
              (r) =>
                (parent === '*' || r.startsWith(`/rooms/${parent}/`)) &&
                maySee(objects, source, auth, r),
            );
            const expected = { read: visible, sorted: visible, count: visible.length };
            expect(await seen(store, model('rooms/tasks'), auth, parent)).toEqual(expected);
          }
        }
        await store.close();
      }),
      { numRuns: kind === 'memory' ? 150 : 10 },
    );
  },
);
