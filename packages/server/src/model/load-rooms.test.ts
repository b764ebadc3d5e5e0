import { expect, test } from 'vitest';
import { loaded, problemsOf } from './models.fixture.js';
import { typesOfModels } from './typescript/types-of-models.js';

const board = (rest: string) => ({
  'boards/model.yaml': `version: 1\nfields: { title: { type: String } }\n${rest}`,
});

async function modelOf(rest: string) {
  const { models } = await loaded(board(rest));
  const model = models.get(['boards']);
  if (!model) throw new Error('no model');
  return model;
}

test('[PRS12] a model may declare states and messages, in any case of the keys', async () => {
  const { rooms } = await modelOf(`Presence:
  typing: { type: boolean, default: false }
  at: { type: Object, fields: { x: { type: Double } } }
events:
  wave: {}
  board.move: { to: { type: Long, required: true } }
`);
  expect([...(rooms.presence ?? [])].map(([name, { type }]) => [name, type])).toEqual([
    ['typing', 'Boolean'],
    ['at', 'Object'],
  ]);
  expect([...(rooms.events ?? [])].map(([name, fields]) => [name, [...fields.keys()]])).toEqual([
    ['wave', []],
    ['board.move', ['to']],
  ]);
});

test('[PRS12] without them any JSON will do', async () => {
  const { rooms } = await modelOf('');
  expect(rooms).toEqual({ presence: undefined, events: undefined });
});

test('[PRS12] the fields may stand below `fields`, as those of the model do', async () => {
  const { rooms } = await modelOf(`presence: { fields: { x: { type: Long } } }
events: { go: { fields: { y: { type: Long } } }, stay: { fields: { type: String } } }
`);
  expect([...(rooms.presence?.keys() ?? [])]).toEqual(['x']);
  expect([...(rooms.events ?? [])].map(([name, fields]) => [name, ...fields.keys()])).toEqual([
    ['go', 'y'],
    ['stay', 'fields'],
  ]);
});

test('[PRS12] what cannot be is reported with its place', async () => {
  const problems = await problemsOf(
    board(`presence:
  user: { type: reference, collectionR: /boards }
  n: { type: Long, unique: true }
  c: { type: Calculated, valueType: Long, dependsOn: n, value: this.n }
  s: { type: String, access: { update: false } }
  w: { type: Wrong }
events:
  1up: {}
  go: 3
access: { read: true, presnet: true }
`),
  );
  expect(problems.map((problem) => problem.replace('boards/model.yaml:', ''))).toEqual([
    expect.stringMatching(/^4:3: field `user` of `presence` is a reference/),
    expect.stringMatching(/^5:3: field `n` of `presence` is indexed/),
    expect.stringMatching(/^6:3: field `c` is calculated/),
    expect.stringMatching(/^7:3: field `s` of `presence` is under rules of its own/),
    expect.stringMatching(/^8:14: unknown type `Wrong` of field `w`/),
    expect.stringMatching(/^10:3: an event cannot be named `1up`/),
    expect.stringMatching(/^11:7: event `go` is `3`; expected a mapping/),
    expect.stringMatching(/^12:23: unknown key `presnet` in `access`; .*`present`/),
  ]);
});

test('[PRS10] rights in rooms default to `subscribe`, and that to `read`', async () => {
  const auth = { uid: 'amal' };
  const may = async (access: string) => {
    const { present, send } = (await modelOf(access)).access;
    return [present, send].map((rule) => rule.decide({ auth, r: '/boards/1' }) === 'allowed');
  };
  expect(await may('access: { read: true }')).toEqual([true, true]);
  expect(await may('access: { read: true, subscribe: false }')).toEqual([false, false]);
  expect(await may('access: { read: true, send: auth.uid == "badr" }')).toEqual([true, false]);
  expect(await may('access: { create: true, present: true }')).toEqual([true, false]);
});

test('[PRS12] the types have the states and the messages', async () => {
  const { models } = await loaded(
    board(`presence: { typing: { type: Boolean, required: true }, x: { type: Double } }
events: { wave: {}, move: { to: { type: Long, required: true } } }
`),
  );
  const types = typesOfModels(models).text;
  expect(types).toContain('    Presence: { readonly typing: boolean; readonly x?: number };\n');
  expect(types).toContain(
    ['    Events: {', '      move: { readonly to: number };', '      wave: {};', '    };', ''].join(
      '\n',
    ),
  );
  expect(typesOfModels((await loaded(board(''))).models).text).not.toMatch(/Presence|Events/);
});
