import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { calculate } from './calculate.js';
import { thing } from './models.fixture.js';

function calculated(name: string, type: string, on: string, value: string): string {
  return `  ${name}: { type: Calculated, valueType: ${type}, dependsOn: ${on}, value: ${JSON.stringify(value)} }`;
}

test('[CAL1] an expression over `this`, or a function of the dependencies in their order', async () => {
  const { thing: model } = await thing(
    [
      '  first: { type: String }',
      '  last: { type: String }',
      calculated('a', 'String', '"first, last"', 'this.first + " " + this.last'),
      calculated('b', 'String', '[last, first]', '(l, f) => l + ", " + f'),
      calculated('c', 'String', '[last]', 'function (l) { return l.toUpperCase(); }'),
    ].join('\n'),
  );
  const { data, changed } = await calculate(model, { first: 'Ada', last: 'Lovelace' }, 'all');
  expect(data).toEqual({
    first: 'Ada',
    last: 'Lovelace',
    a: 'Ada Lovelace',
    b: 'Lovelace, Ada',
    c: 'LOVELACE',
  });
  expect(changed).toEqual(['a', 'b', 'c']);
});

const chain = [
  '  n: { type: Long }',
  '  other: { type: Long }',
  calculated('c', 'Long', 'b', 'this.b + 1'),
  calculated('b', 'Long', 'a', 'this.a % 2'),
  calculated('a', 'Long', 'n', 'this.n * 2 + this.n'),
];

test('[CAL2] chains are calculated in the order of dependencies', async () => {
  const { thing: model } = await thing(chain.join('\n'));
  expect((await calculate(model, { n: 1 }, 'all')).data).toEqual({ n: 1, a: 3, b: 1, c: 2 });
});

test('[CAL2] fields without changed dependencies are left alone, and so is a chain behind an unchanged value', async () => {
  const { thing: model } = await thing(chain.join('\n'));
  const data = { n: 1, a: 3, b: 1, c: 2 };
  expect(await calculate(model, { ...data, other: 1 }, ['other'])).toEqual({
    data: { ...data, other: 1 },
    changed: [],
  });
  expect(await calculate(model, { ...data, n: 2 }, ['n'])).toEqual({
    data: { n: 2, a: 6, b: 0, c: 1 },
    changed: ['a', 'b', 'c'],
  });
  expect(await calculate(model, { ...data, n: 3 }, ['n'])).toEqual({
    data: { n: 3, a: 9, b: 1, c: 2 },
    changed: ['a'],
  });
  const before: JsonObject = { n: 3, a: 3 };
  await calculate(model, before, 'all');
  expect(before).toEqual({ n: 3, a: 3 });
});

test('[CAL4] nothing, a throw, and a value of another type unset the field; the latter two are logged', async () => {
  const { thing: model, failures } = await thing(
    [
      '  x: { type: Json }',
      calculated('a', 'Long', 'x', 'this.x.y.z'),
      calculated('b', 'Long', 'x', 'this.x'),
      calculated('c', 'Date', 'x', '(x) => { throw x; }'),
    ].join('\n'),
  );
  const old = { a: 1, b: 1, c: '2024-01-01T00:00:00.000Z' };
  expect(await calculate(model, { ...old, x: 'text' }, ['x'])).toEqual({
    data: { x: 'text' },
    changed: ['a', 'b', 'c'],
  });
  expect(
    failures.map(({ where, result }) => [
      where.replace(/.*things/, ''),
      result.kind === 'threw' && result.message,
    ]),
  ).toEqual([
    ['/model.yaml:4:65', "cannot read property 'z' of undefined"],
    ['/model.yaml:5:65', 'gave a value that is no Long'],
    ['/model.yaml:6:65', 'text'],
  ]);
  expect((await calculate(model, { ...old, x: { y: { z: null } } }, ['x'])).data).toEqual({
    x: { y: { z: null } },
  });
});

test('[CAL1] values are stored as fields of their type are', async () => {
  const { thing: model } = await thing(
    [
      '  x: { type: Json }',
      calculated('when', 'Date', 'x', '"2024-01-01T00:00+01:00"'),
      calculated('list', 'List', 'x', '(x) => [x, x]'),
      calculated('obj', 'Object', 'x', '(x) => ({ x })'),
      calculated('bad', 'Object', 'x', '[]'),
      calculated('json', 'Json', 'x', 'this.x'),
      calculated('fine', 'Double', 'x', '0.5'),
    ].join('\n'),
  );
  expect((await calculate(model, { x: 1 }, 'all')).data).toEqual({
    x: 1,
    when: '2023-12-31T23:00:00.000Z',
    list: [1, 1],
    obj: { x: 1 },
    json: 1,
    fine: 0.5,
  });
});

test('[CAL1] [REF1] a dependency that is a reference is seen as the plain R', async () => {
  const { thing: model } = await thing(
    `  to: { type: reference, collectionR: /things }\n${calculated('id', 'String', 'to', '(to) => to.split("/")[2]')}`,
  );
  expect((await calculate(model, { to: '/things/7' }, 'all')).data).toEqual({
    to: '/things/7',
    id: '7',
  });
});

test('[HOK8] a calculation that is stopped makes the command fail', async () => {
  const { thing: model } = await thing(
    `  x: { type: Long }\n${calculated('a', 'Long', 'x', '(x) => { for (;;); }')}`,
  );
  await expect(calculate(model, { x: 1 }, 'all')).rejects.toMatchObject({ code: 500 });
});
