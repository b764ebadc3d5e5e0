import { expect, test } from 'vitest';
import { loaded } from '../../models.fixture.js';

const members = `version: 1
fields:
  role: { type: String, required: true }
  team: { type: String }
`;

const tasks = (access: string, field = '') => `version: 1
fields:
  name: { type: String, required: true }
  team: { type: String }
  state: { type: String, default: open }
  place: { type: Object, fields: { team: { type: String, required: true } } }
  owner: { type: String${field} }
lookups:
  own: /rooms/{ids.rooms}/members/{auth.uid}
  other: /rooms/{obj.team}
access:
  ${access}
`;

async function warningsOf(access: string, field = ''): Promise<string[]> {
  const { warnings } = await loaded({
    'rooms/model.yaml': 'version: 1\nfields: { team: { type: String } }\n',
    'rooms/members/model.yaml': members,
    'rooms/tasks/model.yaml': tasks(access, field),
  });
  return warnings.map((line) => line.replace(/^.*?(?=rooms.tasks)/, ''));
}

test('[LKP6] a rule that compares two values which may both be missing is warned of, with what to write', async () => {
  expect(await warningsOf(`read: 'own?.role == "owner" || obj.team == own?.team'`)).toEqual([
    'rooms/tasks/model.yaml:12:10: `obj.team == own?.team` is true where both are missing; `obj.team != null && obj.team == own?.team` asks for a value',
  ]);
  expect(await warningsOf("read: 'own?._r === auth._r'")).toEqual([
    expect.stringContaining('`auth._r != null && own?._r === auth._r` asks for a value'),
  ]);
  const field = ', access: { update: was == auth._r, create: value == auth._r }';
  expect(await warningsOf('read: true', field)).toEqual([
    expect.stringContaining('rooms/tasks/model.yaml:7:44: `was == auth._r` is true where'),
  ]);
});

test.each([
  'obj.team == own?.team',
  'own?._r == other?._r',
  'parent?.team == auth.data?.team',
  'parents.rooms?.team == auth.data?.team',
  'input.team == auth._r',
  'obj.place?.team == own?.team',
  '!(obj.team != own?.team)',
  'own == null || obj.team == own.team',
  'own != null && obj.team == own.team',
  'auth.uid == "x" ? true : obj.team == own?.team',
  '(obj.team != null || own != null) && obj.team == own?.team',
])('[LKP6] `%s` is warned of', async (rule) => {
  const warnings = await warningsOf(`read: '${rule}'`);
  expect(warnings).toEqual([expect.stringContaining('is true where both are missing')]);
});

test.each([
  'obj.name == own?.team',
  'obj.state == own?.team',
  'obj.team == auth.uid',
  'own?.team == "a"',
  'own?.role == own?.team && own != null',
  'auth._r != null && obj.team == auth._r',
  'obj.team == auth._r && auth._r',
  'auth._r && (obj.team == auth._r || own?.team == auth._r)',
  'own?._r == other?._r && own',
  'own?.team == "a" && obj.team == own?.team',
  '["a"].includes(own?.team) && obj.team == own?.team',
  'own?.team == null || obj.team == own?.team',
  '!own?.team ? false : obj.team == own?.team',
  'obj.team != own?.team',
  '!(obj.team == own?.team)',
  'obj.team == "a" + own?.team',
])('[LKP6] `%s` is not warned of', async (rule) => {
  expect(await warningsOf(`read: '${rule}'`)).toEqual([]);
});
