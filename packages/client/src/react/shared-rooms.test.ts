import { expect, test } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import { SharedRooms } from './shared-rooms.js';

const r = '/boards/7';
const linger = 20;

test('[RCT6] a room is joined once for all, left after the last, and joined again as another user', async () => {
  const world = new FakeWorld();
  const client = await world.connected();
  const rooms = new SharedRooms(client);
  const statuses: string[] = [];
  const listener = () => statuses.push(rooms.getSnapshot(r).status);
  const joining = rooms.getSnapshot(r);
  expect(joining).toMatchObject({ status: 'joining', value: undefined, stale: true });
  rooms.subscribe(r, { x: 1 }, { listener, linger })();
  const end = rooms.subscribe(r, { x: 1 }, { listener, linger });
  const endOther = rooms.subscribe(r, undefined, { listener, linger });
  const members = [{ id: 'm1', user: { uid: 'amal' }, state: { x: 1 } }];
  world.socket.answer('join', { r, body: { me: 'm1', count: 1, members } });
  expect(rooms.getSnapshot(r)).toMatchObject({ status: 'joined', value: { me: members[0] } });
  expect(rooms.getSnapshot(r)).toBe(rooms.getSnapshot(r));
  expect(world.socket.all('join').map(({ body }) => body)).toEqual([{ state: { x: 1 } }]);
  expect(world.socket.all('present')).toEqual([]);
  await world.lose({ user: { uid: 'beno' } });
  expect(world.socket.all('join').map(({ body }) => body)).toEqual([{ state: { x: 1 } }]);
  world.socket.answer('join', { r, body: { me: 'm2', count: 0, members: [] } });
  expect(statuses.at(-1)).toBe('joined');
  end();
  endOther();
  expect(world.socket.all('leave')).toEqual([]);
  await expect.poll(() => world.socket.all('leave')).toHaveLength(1);
  expect(rooms.getSnapshot(r)).toBe(joining);
  client.close();
});

test('[RCT6] what is no address is a failed room, and no error', async () => {
  const world = new FakeWorld();
  const client = await world.connected();
  const rooms = new SharedRooms(client);
  rooms.subscribe('nonsense', undefined, { listener: () => {}, linger })();
  expect(rooms.getSnapshot('nonsense')).toMatchObject({
    ...{ status: 'failed', stale: true, pending: false },
    error: { code: 400, message: 'r.invalid' },
  });
  client.close();
});
