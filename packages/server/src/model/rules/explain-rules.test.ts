import { expect, test } from 'vitest';
import { loaded } from '../models.fixture.js';
import { explainRules } from './explain-rules.js';

const model = (rule: string) => `version: 1
fields:
  open: { type: Boolean }
  team: { type: String }
  tags: { type: List, items: String }
  assignee: { type: reference, collectionR: /rooms }
lookups:
  room: /rooms/{ids.rooms}
  assignee: "{obj.assignee}"
  watching: /rooms/{ids.rooms}/tasks/{ids.tasks}/watchers/{auth.uid}
access:
  read: '${rule}'
  update: false
`;

test.each([
  ['room != null', ['once: room']],
  ['parent?.team == auth.uid && obj.open == true', ['once: parent', 'query:']],
  ['obj.team == room?.team || ["a", "b"].includes(obj.team)', ['query: room', 'query:']],
  ['obj.open || assignee?._r == auth._r', ['query:', 'object: assignee']],
  [
    'obj.tags.length > 2 && (auth.uid != "x" || r == room?._r)',
    ['object:', 'once:', 'query: room'],
  ],
  ['[1].map(x => x).length == 1', ['once:']],
  ['watching != null && obj.open == true', ['found: watching', 'query:']],
  ['obj.team == watching?.team || room?.open', ['found: watching', 'once: room']],
  ['watching == null', ['object: watching']],
  ['watching || obj.tags.length > 2', ['object: watching', 'object:']],
  ['watching || assignee?._r == auth._r', ['object: watching', 'object: assignee']],
])('[LKP7] the parts of `%s` are evaluated %j', async (rule, expected) => {
  const { model: find } = await loaded({
    'rooms/model.yaml': 'version: 1\nfields: { team: { type: String } }\n',
    'rooms/tasks/watchers/model.yaml': 'version: 1\nfields: { team: { type: String } }\n',
    'rooms/tasks/model.yaml': model(rule),
  });
  const rules = explainRules(find('rooms/tasks'));
  const read = rules.find(({ right }) => right === 'read');
  const parts = read?.parts.map(({ cost, lookups }) => `${cost}: ${lookups.join()}`.trim());
  expect(parts).toEqual(expected);
});
