import { expect, test } from 'vitest';
import { deletionEffects } from './deletion-effects.js';
import { loaded, problemsOf, thingYaml } from './models.fixture.js';

const to = (more = '', collection = '/users') =>
  `{ type: reference, collectionR: ${collection}${more} }`;
const users = thingYaml('  name: { type: String }');
const withoutPlace = (line: string) => line.replace(/^.*?\.yaml:\d+:\d+: /, '');

test('[CAS1] what is not said is keep, in any case of letters', async () => {
  const { models, model } = await loaded({
    'users/model.yaml': users,
    'users/posts/model.yaml': thingYaml(`  a: ${to()}\n  b: ${to(', ondeleted: KEEP')}`),
    'users/notes/model.yaml': thingYaml('  a: { type: Long }', 'onParentDeleted: Delete'),
  });
  expect(model('users/posts')).toMatchObject({ onParentDeleted: 'keep' });
  expect(model('users/posts').layout.references).toEqual([]);
  expect(model('users/posts').fields.get('a')).toMatchObject({ onDeleted: 'keep' });
  const { refusing, steps } = deletionEffects(models, model('users'));
  expect(refusing).toEqual([]);
  expect(steps.map(({ key }) => key)).toEqual(['delete users/notes']);
});

test('[CAS3] references are found wherever they are in a model', async () => {
  const inList = `{ type: List, items: ${to(', onDeleted: unset')} }`;
  const inner = `{ user: ${to(', onDeleted: delete')}, tags: { type: List, items: String } }`;
  const fields = [
    `a: ${to(', onDeleted: refuse')}`,
    `list: ${inList}`,
    `grid: { type: List, items: ${inList} }`,
    `members: { type: List, items: { type: Object, fields: ${inner} } }`,
    `house: { type: Object, fields: ${inner} }`,
  ];
  const { models, model } = await loaded({
    'users/model.yaml': users,
    'tasks/model.yaml': thingYaml(fields.map((field) => `  ${field}`).join('\n')),
  });
  const paths = ['a', 'list[]', 'grid[][]', 'members[].user', 'house.user'];
  expect(model('tasks').layout.references).toEqual(paths);
  const { refusing, steps } = deletionEffects(models, model('users'));
  expect(refusing).toEqual([{ names: ['tasks'], field: 'a' }]);
  expect(steps.map(({ key }) => key)).toEqual([
    'delete tasks house.user',
    'delete tasks members[].user',
    'unset tasks grid[][]',
    'unset tasks list[]',
  ]);
});

test('[CAS8] a model with a mistake about deletions does not load', async () => {
  const problems = await problemsOf({
    'users/model.yaml': thingYaml(
      [
        `  a: ${to(', onDeleted: unset, required: true')}`,
        `  b: ${to(', onDeleted: cascade')}`,
        `  c: ${to(', onDeleted: restict')}`,
        `  d: ${to(', onDeleted: true')}`,
        '  e: { type: String, onDeleted: unset }',
        `  f: { type: List, items: ${to()}, onDeleted: unset }`,
        `  g: { type: List, items: ${to(', onDeleted: unset, required: true')} }`,
      ].join('\n'),
      'onParentDeleted: delete',
    ),
    'users/posts/model.yaml': thingYaml('  a: { type: Long }', 'onParentDeleted: unset'),
  });
  expect(problems.map(withoutPlace)).toEqual([
    'field `a` is `required`, so it cannot be unset; expected `onDeleted` to be `keep`, `delete` or `refuse`, or a reference that is not required',
    '`onDeleted` is `cascade`; the nearest known one is `delete`; expected `keep`, `unset`, `delete` or `refuse`',
    '`onDeleted` is `restict`; expected `keep`, `unset`, `delete` or `refuse`',
    '`onDeleted` is `true`; expected `keep`, `unset`, `delete` or `refuse`',
    '`onDeleted` is for fields of type `reference`; a String has `type`, `required`, `default`, `validation`, `access`, `index`, `unique` or `enum`',
    '`onDeleted` is for references; expected it at those in the `items` of the List',
    '`onParentDeleted` of /users, whose objects have no parent; expected it in the model of a nested collection, such as /users/*/posts',
    '`onParentDeleted` is `unset`; expected `keep` or `delete`',
  ]);
});

test('[CAS8] deletions that may stop half way are warned of', async () => {
  const { warnings } = await loaded({
    'users/model.yaml': users,
    'users/posts/model.yaml': thingYaml('  a: { type: Long }', 'onParentDeleted: delete'),
    'tasks/model.yaml': thingYaml(
      [
        `  a: ${to(', onDeleted: unset, required: auth.uid != "x"')}`,
        `  list: { type: List, items: ${to(', onDeleted: refuse', '/users/*/posts')} }`,
        `  fine: ${to(', onDeleted: refuse')}`,
      ].join('\n'),
    ),
  });
  expect(warnings.filter((line) => line.includes('delet')).map(withoutPlace)).toEqual([
    '`a` is unset when what it refers to is deleted, and `required` may refuse that: the object then keeps the reference',
    '`list[]` refuses the deletion of objects of /users/*/posts, which are deleted with those of /users: then it stops a deletion half way',
  ]);
});
