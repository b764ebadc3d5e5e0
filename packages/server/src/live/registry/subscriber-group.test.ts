import { expect, test } from 'vitest';
import { type GroupMember, MemberList } from './subscriber-group.js';

test('who has left a list already takes nobody out of it', () => {
  const [gone, second, third] = [{ slot: 0 }, { slot: 0 }, { slot: 0 }];
  const list = new MemberList<GroupMember>();
  for (const member of [gone, second, third]) list.add(member);
  list.remove(gone);
  list.remove(gone);
  expect(new Set(list.members)).toEqual(new Set([second, third]));
  expect(list.members).toHaveLength(2);
  for (const member of list.members) expect(list.members[member.slot]).toBe(member);
});
