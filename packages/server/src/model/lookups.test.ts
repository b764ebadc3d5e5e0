import type { Auth, JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import type { StoredObject } from '../store/stored-object.js';
import { lookupScope } from './lookups/find-lookups.js';
import { lookupR } from './lookups/lookup.js';
import { lookupReads } from './lookups/lookup-uses.js';
import { alice, bob, type Files, loaded, problemsOf, stored } from './models.fixture.js';
import { parseExpression } from './script/parse-script.js';

const collection = (more = '', fields = '  title: { type: String }') =>
  `version: 1\nfields:\n${fields}\n${more}\n`;

/** Models of projects with members and tasks; `lines` are added to the model of tasks. */
const rooms = (lines: string, fields = '  title: { type: String }'): Files => ({
  'projects/model.yaml': collection(
    '',
    '  title: { type: String }\n  owner: { type: reference, collectionR: /users }',
  ),
  'projects/members/model.yaml': collection('', '  role: { type: String }'),
  'projects/tasks/model.yaml': collection(lines, fields),
  'users/model.yaml': collection('', '  boss: { type: reference, collectionR: /users }'),
});

async function tasks(lines: string, fields?: string) {
  const { model } = await loaded(rooms(lines, fields));
  return model('projects/tasks');
}

const inputs = (auth: Auth, obj?: JsonObject) => ({ auth, r: '/projects/p/tasks/t', obj });

test('[LKP1] a template is filled in with ids of the path, the token and references', async () => {
  const lines = `lookups:
  project: /projects/{ids.projects}
  membership: /projects/{ids.projects}/members/{auth.uid}
  me: "{auth._r}"
  team: /projects/{auth.data.team.id}
  assignee: "{obj.assignee}"
  own: /projects/{ids.projects}/members/{ids.tasks}`;
  const field = '  assignee: { type: reference, collectionR: /users }';
  const { lookups } = await tasks(lines, field);
  const auth: Auth = { ...alice, data: { team: { id: 't1' } } };
  const rs = [...lookups.values()].map(({ name, template }) => [
    name,
    lookupR(template, inputs(auth, { assignee: '/users/9' }), new Map()),
  ]);
  expect(Object.fromEntries(rs)).toEqual({
    parent: '/projects/p',
    'parents.projects': '/projects/p',
    project: '/projects/p',
    membership: '/projects/p/members/alice',
    me: '/users/1',
    team: '/projects/t1',
    assignee: '/users/9',
    own: '/projects/p/members/t',
  });
  expect([...lookups.values()].map(({ name, reach }) => [name, reach])).toEqual([
    ['parent', 'collection'],
    ['parents.projects', 'collection'],
    ['project', 'collection'],
    ['membership', 'collection'],
    ['me', 'collection'],
    ['team', 'collection'],
    ['assignee', 'content'],
    ['own', 'id'],
  ]);
});

test('[LKP1] a value that is missing, no text or no single id finds nothing, nor does what belongs to the system', async () => {
  const lines = `lookups:
  step: /projects/{auth.data.x}
  whole: "{auth.data.x}"`;
  const { lookups } = await tasks(lines);
  const found = (name: string, x?: JsonObject[string]) => {
    const template = lookups.get(name)?.template;
    const auth: Auth = { uid: 'u', data: x === undefined ? {} : { x } };
    return template && lookupR(template, inputs(auth), new Map());
  };
  expect(found('step', 'p')).toBe('/projects/p');
  for (const x of [undefined, '', 'p/members/u', '../users/1', '*', 7, { y: 1 }, ['p'], '~']) {
    expect(found('step', x)).toBeUndefined();
  }
  expect(found('whole', '/users/1')).toBe('/users/1');
  for (const x of ['/users', '/users/*', '/users/1/', 'users/1', '/_accounts/1', '/users//1', 1]) {
    expect(found('whole', x)).toBeUndefined();
  }
});

test('[LKP1] a template uses members of what other lookups find, two steps deep', async () => {
  const lines = `lookups:
  boss: "{owner.boss}"
  owner: "{parent.owner}"
access: { read: boss?._r == auth._r }`;
  const { access } = await tasks(lines);
  const objects = new Map<string, StoredObject>();
  for (const object of [
    stored('/projects/p', { owner: '/users/5' }),
    stored('/users/5', { boss: '/users/2' }),
    stored('/users/2', {}),
  ]) {
    objects.set(object.r, object);
  }
  const reads: string[][] = [];
  const read = (rs: readonly string[]) => {
    reads.push([...rs]);
    return rs.map((r) => objects.get(r));
  };
  const { decide } = access.read;
  const scope = { r: '/projects/p/tasks/t', obj: {}, finder: { read } };
  expect(decide({ ...scope, auth: bob })).toBe('allowed');
  expect(decide({ ...scope, auth: alice })).toBe('refused');
  expect(reads.slice(0, 3)).toEqual([['/projects/p'], ['/users/5'], ['/users/2']]);
  objects.delete('/users/5');
  expect(decide({ ...scope, auth: bob })).toBe('refused');
});

test.each([
  ['x: /nowhere/{auth.uid}', '5:3', 'there is no collection `/nowhere`'],
  ['x: /project/{auth.uid}', '5:3', 'the nearest known one is `/projects`'],
  ['x: /projects/{ids.members}', '5:16', 'expected `{ids.projects}` or `{ids.tasks}`'],
  ['x: /projects/{auth.name}', '5:16', 'nothing that a token has'],
  ['x: /projects/{auth._r}', '5:16', 'expected it at the beginning'],
  ['x: /projects', '5:6', 'not the address of an object'],
  ['x: projects/1', '5:6', 'no beginning of an address'],
  ['x: /projects/a{ids.projects}', '5:16', 'no single value in braces'],
  ['x: /{auth.uid}/1', '5:7', 'in the place of a collection'],
  ['x: "{obj.owner}"', '5:7', '`obj` has no field `owner`'],
  ['x: "{obj.title}"', '5:7', 'is of type String; expected a reference'],
  ['x: { obj.owner }', '5:6', 'is a mapping; expected the address of an object'],
  ['x: "{y.owner}"', '5:3', 'there is no lookup `y`'],
  ['x: "{parent.ownr}"', '5:7', 'has no field `ownr`; the nearest known one is `owner`'],
  ['obj: /projects/{ids.projects}', '5:3', 'scripts know as something else'],
  ['auth: /projects/{ids.projects}', '5:3', 'scripts know as something else'],
  ['a-b: /projects/{ids.projects}', '5:3', 'a name that JavaScript can read'],
  ['x: "{y.owner}"\n  y: "{x.owner}"', '5:3', 'in a cycle: `x` → `y` → `x`'],
  [
    'a: "{parent.owner}"\n  b: "{a.boss}"\n  c: "{b.boss}"',
    '7:3',
    '3 steps deep; expected at most 2',
  ],
])('[LKP1] [LKP6] `%s` is a problem at %s: %s', async (lookup, place, message) => {
  const problems = await problemsOf(rooms(`lookups:\n  ${lookup}`));
  expect(problems[0]).toContain(`projects/tasks/model.yaml:${place}:`);
  expect(problems.join('\n')).toContain(message);
});

test('[LKP1] there are at most eight in a model', async () => {
  const lines = (count: number) =>
    `lookups:\n${Array.from({ length: count }, (_, n) => `  l${n}: /projects/{ids.projects}`).join('\n')}`;
  expect(await problemsOf(rooms(lines(8)))).toEqual([]);
  expect(await problemsOf(rooms(lines(9)))).toEqual([
    expect.stringContaining('there are 9 lookups; expected at most 8'),
  ]);
});

test('[LKP6] warnings name a member that the model lacks, a read that throws on null, and `in`', async () => {
  const warnings = async (rule: string) => {
    const lines = `lookups:\n  membership: /projects/{ids.projects}/members/{auth.uid}\naccess:\n  read: '${rule}'`;
    return (await loaded(rooms(lines))).warnings.map((line) =>
      line.replace(/^.*?yaml:[\d:]+ /, ''),
    );
  };
  expect(await warnings('membership?.rol == "owner"')).toEqual([
    '`membership` has no `rol`, so that it is always undefined; it has `role`, `_r` or `_rev`',
  ]);
  expect(await warnings('membership.role == "owner"')).toEqual([
    expect.stringContaining('`membership?.role` says so'),
  ]);
  expect(await warnings('membership?.role in ["owner"]')).toEqual([
    expect.stringContaining('`list.includes(value)` asks for a value'),
  ]);
  expect(await warnings('parents.projects?.titel == "x"')).toEqual([
    expect.stringContaining('`parents.projects` has no `titel`'),
  ]);
  for (const fine of [
    'membership?.role == "owner"',
    'membership != null && membership.role == "owner"',
    '["owner", "editor"].includes(membership?.role)',
    'parent?.title == "x" && membership',
  ]) {
    expect(await warnings(fine)).toEqual([]);
  }
});

test.each<[string, Record<string, string[] | 'all'>]>([
  ['membership != null', { membership: [] }],
  ['membership', { membership: [] }],
  ['!membership || project', { membership: [], project: [] }],
  ['membership?.role == "owner"', { membership: ['role'] }],
  ['membership.role.name == "owner"', { membership: ['role'] }],
  ['membership["role"]', { membership: ['role'] }],
  ['membership[auth.uid]', { membership: 'all' }],
  ['f(membership)', { membership: 'all' }],
  ['(membership ?? project)?.role', { membership: 'all', project: 'all' }],
  ['membership == project', { membership: 'all', project: 'all' }],
  ['membership.valueOf().role', { membership: 'all' }],
  ['membership ? project.title : 1', { membership: [], project: ['title'] }],
  ['parents.projects.title && parents.projects.owner', { 'parents.projects': ['owner', 'title'] }],
  ['Object.keys(parents)', { 'parents.projects': 'all' }],
  ['eval("membership")', { membership: 'all', project: 'all', 'parents.projects': 'all' }],
  ['obj.membership', {}],
])('[LKP3] what `%s` reads', (source, expected) => {
  const parsed = parseExpression(source);
  if (parsed.kind === 'failure') throw new Error(parsed.message);
  const names = new Set(['membership', 'project', 'parents.projects']);
  const reads = lookupReads(parsed.tree, names, { isCondition: true });
  const plain = [...reads].map(([name, members]) => [
    name,
    members === 'all' ? members : [...members].sort(),
  ]);
  expect(Object.fromEntries(plain)).toEqual(expected);
});

test('[LKP2] what cannot be read is an error, not a no', async () => {
  const { lookups } = await tasks('lookups: {}');
  const lookup = lookups.get('parent');
  const uses = lookup ? [{ lookup, members: 'all' as const }] : [];
  const failing = { read: () => Promise.reject(new Error('away')) };
  await expect(lookupScope(uses, inputs(alice), failing)).rejects.toThrow('away');
});
