import { expect, test } from 'vitest';
import { RoomMemberList } from './member-list.js';
import { listFrame } from './room-frames.js';

test('[PRS7] a list that no socket takes is not encoded, and one that many take is once', () => {
  const list = new RoomMemberList();
  list.set('m1', { uid: 'amal' }, { x: 1 });
  const { known } = list;
  let reads = 0;
  const members = new Map([...known.members]);
  members.values = () => {
    reads += 1;
    return known.members.values() as ReturnType<typeof members.values>;
  };
  const frame = listFrame('/boards/1', { ...known, members });
  expect(frame.head?.evt).toBe('presence');
  expect(reads).toBe(0);
  expect(frame.bytes.toString().endsWith(frame.text)).toBe(true);
  expect(JSON.parse(frame.text)).toEqual({
    ...{ evt: 'presence', eph: true, r: '/boards/1' },
    body: { members: [{ id: 'm1', user: { uid: 'amal' }, state: { x: 1 } }], count: 1 },
  });
  expect(reads).toBe(1);
});
