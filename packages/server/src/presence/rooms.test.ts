import { beforeEach, describe, expect, test } from 'vitest';
import { listedMembers } from './member-list.js';
import { bodyOf, idsOf, type RoomSocket, type RoomsApp, roomsApp } from './rooms.fixture.js';
import { grace } from './rooms.js';

let app: RoomsApp;
let amal: RoomSocket;
let badr: RoomSocket;
const r = '/boards/7';

beforeEach(async () => {
  app = await roomsApp();
  amal = app.socket('amal');
  badr = app.socket('badr');
  await app.write({ cmd: 'create', r, body: {} });
});

const meOf = (answer: { body?: unknown }) => (answer.body as { me: string }).me;
const change = (parts: object, count: number) => ({
  evt: 'presence',
  eph: true,
  r,
  body: { joined: [], changed: [], left: [], ...parts, count },
});

describe('joining', () => {
  test('[PRS1] the list has everybody who is there, pushed or not, and what follows has nobody twice', async () => {
    const first = await app.join(amal, r, { x: 1 });
    const second = await app.join(badr, r, { x: 2 });
    expect(idsOf(bodyOf(second).members)).toEqual([meOf(first), meOf(second)]);
    await app.tick();
    const joined = [{ id: meOf(second), user: { uid: 'badr' }, state: { x: 2 } }];
    expect(amal.take()).toEqual([change({ joined }, 2)]);
    expect(badr.take()).toEqual([]);
  });

  test('[PRS1] who only watches is in no list, and can appear later', async () => {
    await app.join(amal, r, {});
    const watching = await app.join(badr, r);
    expect(bodyOf(watching)).toMatchObject({ count: 1, me: expect.any(String) });
    await app.tick();
    expect(amal.take()).toEqual([]);
    await app.request(badr, { cmd: 'present', r, body: { x: 1 } });
    await app.tick();
    const joined = [{ id: meOf(watching), user: { uid: 'badr' }, state: { x: 1 } }];
    for (const socket of [amal, badr]) expect(socket.take()).toEqual([change({ joined }, 2)]);
  });

  test('[PRS1] joining again replaces the state, which is a change; without a state it only watches', async () => {
    const { me } = bodyOf(await app.join(amal, r, { x: 1, y: 1 }));
    await app.join(badr, r);
    const again = await app.join(amal, r, { x: 2 });
    expect(bodyOf(again)).toMatchObject({ me, count: 1 });
    await app.tick();
    expect(badr.take()).toEqual([change({ changed: [{ id: me, state: { x: 2 } }] }, 1)]);
    expect(bodyOf(await app.join(amal, r))).toEqual({ me, count: 0, members: [] });
    await app.tick();
    expect(badr.take()).toEqual([change({ left: [me] }, 0)]);
    expect(app.services.rooms.counts).toEqual({ rooms: 1, watchers: 2, members: 0 });
  });

  test('[PRS1] a room that everybody left is forgotten', async () => {
    await app.join(amal, r, {});
    app.services.rooms.drop(amal);
    expect(app.services.rooms.counts).toEqual({ rooms: 0, watchers: 0, members: 0 });
    expect(app.platform.pending).toBe(0);
    expect(bodyOf(await app.join(badr, r, {}))).toMatchObject({ count: 1 });
  });

  test('[PRS2] members are known by random ids, with the user as authors are shown', async () => {
    const more = { authType: 'password', _r: '/users/1', data: { nick: 'A', secret: 1 } };
    const [one, two] = [app.socket('amal', more), app.socket('amal', more)];
    const ids = [await app.join(one, r, {}), await app.join(two, r, {})].map(meOf);
    expect(new Set(ids).size).toBe(2);
    const user = { uid: 'amal', authType: 'password', _r: '/users/1', data: { nick: 'A' } };
    expect(bodyOf(await app.join(badr, r)).members).toEqual(
      ids.map((id) => ({ id, user, state: {} })),
    );
  });

  test('[PRS1] one connection has the same id in all of its rooms', async () => {
    await app.write({ cmd: 'create', r: '/boards/8', body: {} });
    const ids = [await app.join(amal, r, {}), await app.join(amal, '/boards/8', {})].map(meOf);
    expect(ids[0]).toBe(ids[1]);
  });
});

describe('changes', () => {
  test('[PRS6] what happens within a tick is pushed at once, as its result', async () => {
    const { me } = bodyOf(await app.join(amal, r, { x: 0, y: 0 }));
    await app.join(badr, r);
    for (let x = 1; x <= 20; x++) await app.request(amal, { cmd: 'present', r, body: { x } });
    await app.request(amal, { cmd: 'present', r, body: { y: null } });
    expect(badr.take()).toEqual([]);
    await app.tick();
    expect(badr.take()).toEqual([change({ changed: [{ id: me, state: { x: 20 } }] }, 1)]);
    await app.tick();
    expect([...badr.take(), ...amal.take()]).toHaveLength(1);
  });

  test('[PRS6] who comes and goes within a tick is not pushed, and who goes and comes at most has changed', async () => {
    await app.join(amal, r);
    const { me } = bodyOf(await app.join(badr, r, { x: 1 }));
    await app.tick();
    amal.take();
    const passing = app.socket('passing');
    await app.join(passing, r, {});
    await app.request(passing, { cmd: 'leave', r });
    await app.request(badr, { cmd: 'leave', r });
    await app.join(badr, r, { x: 2 });
    await app.tick();
    expect(amal.take()).toEqual([change({ changed: [{ id: me, state: { x: 2 } }] }, 1)]);
    await app.request(badr, { cmd: 'leave', r });
    await app.join(badr, r, { x: 2 });
    await app.tick();
    expect(amal.take()).toEqual([]);
  });

  test('[PRS6] a state that stays the same is not pushed', async () => {
    await app.join(amal, r, { x: 1 });
    await app.tick();
    await app.request(amal, { cmd: 'present', r, body: { x: 1, y: null } });
    await app.tick();
    expect(amal.take()).toEqual([]);
  });

  test('[PRS4] a message comes after what its sender changed before it', async () => {
    const { me } = bodyOf(await app.join(amal, r, {}));
    await app.join(badr, r);
    await app.request(amal, { cmd: 'present', r, body: { x: 1 } });
    await app.request(amal, { cmd: 'send', r, body: { event: 'wave' } });
    expect(badr.take()).toMatchObject([
      change({ changed: [{ id: me, state: { x: 1 } }] }, 1),
      {
        evt: 'sent',
        eph: true,
        r,
        meta: { member: me, opBy: { uid: 'amal' } },
        body: { event: 'wave' },
      },
    ]);
    await app.tick();
    expect(badr.take()).toEqual([]);
  });

  test('[PRS4] who is not in the room may send to it, without being a member', async () => {
    await app.join(badr, r);
    await app.request(amal, { cmd: 'send', r, body: { event: 'ring', data: null } });
    expect(badr.take()).toEqual([
      {
        evt: 'sent',
        eph: true,
        r,
        meta: { opBy: { uid: 'amal' } },
        body: { event: 'ring', data: null },
      },
    ]);
  });

  test('[PRS8] of very many members the first are listed, and the number of all is pushed', async () => {
    await app.join(amal, r);
    const sockets = Array.from({ length: listedMembers + 2 }, (_, n) => app.socket(`u${n}`));
    const ids: string[] = [];
    for (const socket of sockets) ids.push(meOf(await app.join(socket, r, {})));
    await app.tick();
    const [push] = amal.take();
    expect(idsOf(bodyOf(push).joined)).toEqual(ids.slice(0, listedMembers));
    expect(bodyOf(push).count).toBe(listedMembers + 2);
    const late = bodyOf(await app.join(badr, r));
    expect(idsOf(late.members)).toEqual(ids.slice(0, listedMembers));
    expect(late.count).toBe(listedMembers + 2);
    await app.request(sockets[listedMembers] as RoomSocket, { cmd: 'leave', r });
    await app.tick();
    expect(amal.take()).toEqual([change({}, listedMembers + 1)]);
    await app.request(sockets[0] as RoomSocket, { cmd: 'leave', r });
    await app.tick();
    const [gone] = amal.take();
    expect(bodyOf(gone)).toMatchObject({ left: [ids[0]], count: listedMembers });
    expect(idsOf(bodyOf(gone).joined)).toEqual([ids.at(-1)]);
  });
});

test('[PRS6] [PRS7] of many who come within a tick each knows everybody after it, some by the whole list', async () => {
  const sockets = Array.from({ length: 20 }, (_, n) => app.socket(`u${n}`));
  const ids: string[] = [];
  const lists: Set<string>[] = [];
  for (const socket of sockets) {
    const { me, members } = bodyOf(await app.join(socket, r, {}));
    ids.push(String(me));
    lists.push(new Set(idsOf(members)));
  }
  await app.tick();
  let wholeLists = 0;
  for (const [index, socket] of sockets.entries()) {
    const pushes = socket.take();
    expect(pushes.length).toBe(index === sockets.length - 1 ? 0 : 1);
    for (const push of pushes) {
      const { members, joined } = bodyOf(push);
      if (members) wholeLists += 1;
      for (const id of idsOf(members ?? joined)) {
        if (!members) expect(lists[index]?.has(id)).toBe(false);
        lists[index]?.add(id);
      }
    }
    expect(lists[index]).toEqual(new Set(ids));
  }
  expect(wholeLists).toBeGreaterThan(5);
  await app.request(sockets[0] as RoomSocket, { cmd: 'present', r, body: { x: 1 } });
  await app.tick();
  const reported = sockets.map((socket) => socket.take());
  for (const pushes of reported) expect(pushes).toEqual(reported[0]);
});

describe('a slow socket', () => {
  test('[PRS7] misses pushes, and gets the whole list before anything else', async () => {
    const { me } = bodyOf(await app.join(amal, r, { x: 1 }));
    await app.join(badr, r);
    badr.isSlow = true;
    await app.request(amal, { cmd: 'send', r, body: { event: 'lost' } });
    await app.request(amal, { cmd: 'present', r, body: { x: 2 } });
    await app.tick();
    badr.isSlow = false;
    await app.request(amal, { cmd: 'send', r, body: { event: 'lost, too' } });
    expect(badr.take()).toEqual([]);
    await app.tick();
    const members = [{ id: me, user: { uid: 'amal' }, state: { x: 2 } }];
    expect(badr.take()).toEqual([{ evt: 'presence', eph: true, r, body: { members, count: 1 } }]);
    await app.request(amal, { cmd: 'send', r, body: { event: 'heard' } });
    expect(badr.take()).toMatchObject([{ evt: 'sent', body: { event: 'heard' } }]);
    expect(amal.take().filter(({ evt }) => evt === 'sent')).toHaveLength(3);
  });
});

describe('going away and coming back', () => {
  test('[PRS9] a drop is not noticed if it is resumed in time, and the id stays', async () => {
    const { me } = bodyOf(await app.join(amal, r, { x: 1 }));
    await app.join(badr, r, {});
    await app.tick();
    badr.take();
    const { rooms } = app.services;
    const parked = rooms.park(amal);
    app.platform.advance(grace - 1);
    const again = app.socket('amal');
    if (!parked) throw new Error('nothing was parked');
    rooms.resume(again, parked)();
    await rooms.settled();
    expect(again.take()).toMatchObject([
      { evt: 'presence', eph: true, r, body: { count: 2, members: [{ id: me }, {}] } },
    ]);
    app.platform.advance(2 * grace);
    expect(badr.take()).toEqual([]);
    await app.request(again, { cmd: 'present', r, body: { x: 2 } });
    await app.tick();
    expect(badr.take()).toEqual([change({ changed: [{ id: me, state: { x: 2 } }] }, 2)]);
  });

  test('[PRS9] a socket that resumes nothing is not pinged for the rooms of the last one', async () => {
    await app.join(amal, r, { x: 1 });
    const { rooms } = app.services;
    const parked = rooms.park(amal);
    const again = app.socket('amal');
    if (!parked) throw new Error('nothing was parked');
    rooms.resume(again, parked);
    expect(again.isWatched).toBe(true);
    rooms.release(parked);
    expect(again.isWatched).toBe(false);
  });

  test('[PRS9] who does not come back in time has left, and comes again when it resumes later', async () => {
    const { me } = bodyOf(await app.join(amal, r, { x: 1 }));
    await app.join(badr, r);
    const { rooms } = app.services;
    const parked = rooms.park(amal);
    if (!parked) throw new Error('nothing was parked');
    app.platform.advance(grace);
    await app.tick();
    expect(badr.take()).toEqual([change({ left: [me] }, 0)]);
    const again = app.socket('amal');
    rooms.resume(again, parked)();
    await rooms.settled();
    expect(again.take()).toMatchObject([
      { evt: 'presence', body: { count: 1, members: [{ id: me }] } },
    ]);
    await app.tick();
    const joined = [{ id: me, user: { uid: 'amal' }, state: { x: 1 } }];
    expect(badr.take()).toEqual([change({ joined }, 1)]);
    expect(again.take()).toEqual([]);
  });

  test('[PRS9] what was changed and sent meanwhile is not sent again, the list has it', async () => {
    await app.join(amal, r);
    const { me } = bodyOf(await app.join(badr, r, { x: 1 }));
    const { rooms } = app.services;
    const parked = rooms.park(amal);
    if (!parked) throw new Error('nothing was parked');
    await app.request(badr, { cmd: 'present', r, body: { x: 2 } });
    await app.request(badr, { cmd: 'send', r, body: { event: 'wave' } });
    const again = app.socket('amal');
    rooms.resume(again, parked)();
    await rooms.settled();
    await app.tick();
    expect(again.take()).toMatchObject([
      { evt: 'presence', body: { members: [{ id: me, state: { x: 2 } }] } },
    ]);
  });

  test('[PRS9] a session that cannot be resumed leaves at once, as one that leaves', async () => {
    const { me } = bodyOf(await app.join(amal, r, {}));
    await app.join(badr, r);
    const parked = app.services.rooms.park(amal);
    if (!parked) throw new Error('nothing was parked');
    app.services.rooms.release(parked);
    await app.tick();
    expect(badr.take()).toEqual([change({ left: [me] }, 0)]);
    expect(app.services.rooms.park(app.socket('nobody'))).toBeUndefined();
  });

  test('[PRS9] a client is pinged while it is in a room', async () => {
    await app.join(amal, r);
    expect(amal.isWatched).toBe(true);
    await app.request(amal, { cmd: 'leave', r });
    expect(amal.isWatched).toBe(false);
  });
});
