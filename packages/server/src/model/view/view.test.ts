import { expect, test } from 'vitest';
import { resolveFields } from '../field-sets.js';
import { alice, bob, stored, thing } from '../models.fixture.js';
import { groupKeyOf, pushView, view, viewMany, viewReads, visibleBody } from './view.js';

const fields =
  '  owner: { type: String }\n  age: { type: Long }\n  pic: { type: Object, fields: { url: { type: String } } }';
const ownerOnly = 'access: { read: obj.owner == auth.uid }';
const object = stored('/things/1', { owner: 'alice', age: 7 });

test('[ACC5] the read rule decides, synchronously if it can', async () => {
  const { thing: model } = await thing(fields, ownerOnly);
  expect(view(model, object, alice)).toEqual({ kind: 'visible', hidden: [] });
  expect(view(model, object, bob)).toMatchObject({
    kind: 'refused',
    error: { code: 403, message: 'forbidden' },
  });
});

test('[ACC6] hidden answers as if there were nothing', async () => {
  const { thing: model } = await thing(
    fields,
    'access: { read: obj.owner == auth.uid, hidden: true }',
  );
  expect(view(model, object, bob)).toMatchObject({
    kind: 'refused',
    error: { code: 404, message: 'object.missing' },
  });
});

test('[ACC4] [HOK8] a read rule that throws refuses, one that is stopped is a 500', async () => {
  const { thing: model } = await thing(fields, 'access: { read: obj.pic.url == "x" }');
  expect(view(model, object, alice)).toMatchObject({ kind: 'refused', error: { code: 403 } });
  const { thing: endless } = await thing(fields, 'access: { read: "(() => { for (;;); })()" }');
  expect(await view(endless, object, alice)).toMatchObject({
    kind: 'refused',
    error: { code: 500 },
  });
});

test('[HOK2] [HOK11] pre-get hides whole fields per reader, and only existing ones', async () => {
  const { thing: model } = await thing(fields, 'access: { read: true }', {
    'pre-get.js': 'if (auth.uid !== obj.owner) hide("age", "nope", "pic.url", "age", "_r");',
  });
  expect(await view(model, object, alice)).toEqual({ kind: 'visible', hidden: [] });
  expect(await view(model, object, bob)).toEqual({ kind: 'visible', hidden: ['age', 'pic'] });
});

test('[HOK2] [HOK5] [HOK8] pre-get can refuse, runs only where reading is allowed, and fails as hooks do', async () => {
  const { thing: model, sandbox } = await thing(fields, ownerOnly, {
    'pre-get.js': 'if (obj._rev > 1) cancel(402, "pay"); if (obj.age > 7) null.x;',
  });
  expect(await view(model, object, alice)).toMatchObject({ kind: 'visible' });
  expect(await view(model, stored('/things/1', { owner: 'alice' }, 2), alice)).toMatchObject({
    kind: 'refused',
    error: { code: 402, message: 'pay' },
  });
  expect(await view(model, stored('/things/1', { owner: 'alice', age: 8 }), alice)).toMatchObject({
    kind: 'refused',
    error: { code: 500 },
  });
  const before = sandbox.calls.length;
  expect(await view(model, object, bob)).toMatchObject({ kind: 'refused', error: { code: 403 } });
  expect(sandbox.calls).toHaveLength(before);
});

test('[ACC5] a push needs subscribe besides read', async () => {
  const { thing: model } = await thing(
    fields,
    'access: { read: true, subscribe: auth.uid == "alice" }',
  );
  expect(pushView(model, object, alice)).toEqual({ kind: 'visible', hidden: [] });
  expect(pushView(model, object, bob)).toMatchObject({ kind: 'refused', error: { code: 403 } });
  expect(view(model, object, bob)).toEqual({ kind: 'visible', hidden: [] });
});

test('[HOK2] many views of one reader go to the sandbox together', async () => {
  const { thing: model, sandbox } = await thing(fields, ownerOnly, { 'pre-get.js': 'hide("age")' });
  const objects = [
    object,
    stored('/things/2', { owner: 'bob' }),
    stored('/things/3', { owner: 'alice' }),
  ];
  const views = viewMany(model, objects, alice);
  expect((await views).map(({ kind }) => kind)).toEqual(['visible', 'refused', 'visible']);
  expect(sandbox.calls).toHaveLength(2);
  const { thing: simple } = await thing(fields, ownerOnly);
  expect(viewMany(simple, objects, alice)).not.toBeInstanceOf(Promise);
});

test('[ACC5] readers with the same values in the parts of auth that the rules read share a subscriber group', async () => {
  const reads = async (access: string, hook = 'hide("age")') =>
    viewReads((await thing(fields, `access: ${access}`, { 'pre-get.js': hook })).thing);
  expect(await reads('{ read: true }')).toEqual({ uid: false, r: false, all: false });
  expect(
    await reads('{ read: true, subscribe: auth._r == "x" }', 'if (auth.uid == "x") hide("age")'),
  ).toEqual({ uid: true, r: true, all: false });
  expect((await reads('{ read: true }', 'print(auth)')).all).toBe(true);
  const none = { uid: false, r: false, all: false };
  expect(groupKeyOf(none, alice)).toBe(groupKeyOf(none, bob));
  for (const parts of [
    { ...none, uid: true },
    { ...none, r: true },
    { ...none, all: true },
  ]) {
    expect(groupKeyOf(parts, alice)).not.toBe(groupKeyOf(parts, bob));
    expect(groupKeyOf(parts, alice)).toBe(groupKeyOf(parts, { ...alice }));
  }
  const admin = { ...alice, data: { role: 'admin' } };
  expect(groupKeyOf({ ...none, uid: true, r: true }, admin)).toBe(
    groupKeyOf({ ...none, uid: true, r: true }, alice),
  );
  expect(groupKeyOf({ ...none, all: true }, admin)).not.toBe(
    groupKeyOf({ ...none, all: true }, alice),
  );
});

test('[GET1] a body has the fields that are set, asked for and not hidden', () => {
  const one = stored('/things/1', JSON.parse('{"owner":"a","age":1,"__proto__":{"x":1}}'), 3);
  expect(Object.entries(visibleBody(one, undefined, []))).toEqual([
    ['_r', '/things/1'],
    ['_rev', 3],
    ['owner', 'a'],
    ['age', 1],
    ['__proto__', { x: 1 }],
  ]);
  expect(visibleBody(one, ['age', 'pic'], [])).toEqual({ _r: '/things/1', _rev: 3, age: 1 });
  expect(visibleBody(one, ['age', 'owner'], ['age'])).toEqual({
    _r: '/things/1',
    _rev: 3,
    owner: 'a',
  });
  expect(visibleBody({ ...stored('/things/1', {}, 4), deleted: true }, undefined, [])).toEqual({
    _r: '/things/1',
    _rev: 4,
    _deleted: true,
  });
});

test('[SET1] [GET2] fields are named singly or by sets, in the order of the model, each once', async () => {
  const { thing: model } = await thing(fields, 'fieldSets: { card: [pic, owner] }');
  expect(resolveFields(model, undefined)).toEqual({ ok: true, fields: undefined });
  expect(resolveFields(model, [])).toEqual({ ok: true, fields: undefined });
  expect(resolveFields(model, ['age', '@card', 'age'])).toEqual({
    ok: true,
    fields: ['owner', 'age', 'pic'],
  });
  expect(
    resolveFields(model, ['age', '@nope', 'pic.url', '_r', 'card', '__proto__', '@constructor']),
  ).toEqual({
    ok: false,
    unknown: ['@nope', 'pic.url', '_r', 'card', '__proto__', '@constructor'],
  });
});
