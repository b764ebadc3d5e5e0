import { fail } from '@really/protocol';
import { beforeEach, expect, test, vi } from 'vitest';
import { RoomMemberList } from './member-list.js';
import { Membership, RoomConnection } from './membership.js';
import { RoomRights } from './room-rights.js';
import { type RoomSocket, type RoomsApp, roomModels, roomsApp } from './rooms.fixture.js';
import { grace } from './rooms.js';

const r = '/boards/1';
const topic = { r, names: ['boards'] };
const forbidden = { code: 403, message: 'forbidden' };
const failed = { evt: 'failed', eph: true, r, error: forbidden };

let app: RoomsApp;
let amal: RoomSocket;
let badr: RoomSocket;

beforeEach(async () => {
  app = await roomsApp();
  amal = app.socket('amal');
  badr = app.socket('badr');
  await app.write({ cmd: 'create', r, body: {} });
});

/** Drops the connection; returns what resumes it with another socket. */
function parked(socket: RoomSocket): (again: RoomSocket) => () => void {
  const { rooms } = app.services;
  const connection = rooms.park(socket);
  if (!connection) throw new Error('nothing was parked');
  return (again) => rooms.resume(again, connection);
}

const setReaders = (readers: readonly string[], rev = 1) =>
  app.write({
    ...{ cmd: 'update', r, rev },
    body: { ops: [{ op: 'set', key: 'readers', value: [...readers] }] },
  });

test('[PRS9] a connection that drops before its join is answered gets the pushes of the room after it is resumed', async () => {
  await app.services.rooms.join(amal, topic, {});
  const again = app.socket('amal');
  parked(amal)(again)();
  await app.services.rooms.settled();
  expect(again.take()).toMatchObject([{ evt: 'presence', body: { count: 1 } }]);
  await app.request(badr, { cmd: 'send', r, body: { event: 'wave' } });
  expect(again.take()).toMatchObject([{ evt: 'sent' }]);
});

test('[PRS9] many who resume at once get one list, which is encoded once', async () => {
  await app.join(amal, r, {});
  await app.join(badr, r, {});
  const frames: unknown[] = [];
  for (const socket of [amal, badr]) {
    const again = app.socket(socket.auth.uid);
    again.pushEphemeral = (frame) => frames.push(frame) > 0;
    parked(socket)(again)();
  }
  await app.services.rooms.settled();
  expect(frames).toHaveLength(2);
  expect(frames[1]).toBe(frames[0]);
});

test('[PRS1] a join that ends after its connection dropped and was resumed is undone', async () => {
  await app.join(amal, r, {});
  await app.write({ cmd: 'create', r: '/boards/2', body: {} });
  const joining = app.services.rooms.join(amal, { ...topic, r: '/boards/2' }, undefined);
  const again = app.socket('amal');
  parked(amal)(again)();
  await expect(joining).rejects.toMatchObject({ code: 503 });
  await app.services.rooms.settled();
  expect(app.services.rooms.counts.watchers).toBe(1);
});

test('[PRS10] a right that is lost before the join is answered is reported after the response', async () => {
  const { begin } = await app.services.rooms.join(amal, topic, {});
  await setReaders(['badr']);
  expect(app.services.rooms.counts.watchers).toBe(0);
  expect(amal.take()).toEqual([]);
  begin();
  expect(amal.take()).toEqual([failed]);
});

test('[PRS10] a right that is lost during a resume is reported after that', async () => {
  await app.join(amal, r, {});
  const again = app.socket('amal');
  const begin = parked(amal)(again);
  await setReaders(['badr']);
  expect(again.take()).toEqual([]);
  begin();
  await app.services.rooms.settled();
  expect(again.take()).toEqual([failed]);
  expect(app.services.rooms.counts.watchers).toBe(0);
});

test('[PRS9] [PRS10] a right that is found to be lost when the time of grace is over is reported after the resume', async () => {
  await app.join(amal, r, {});
  let conclude = () => {};
  const held = new Promise<void>((resolve) => {
    conclude = resolve;
  });
  vi.spyOn(RoomRights.prototype, 'demandWatch').mockImplementationOnce(async () => {
    await held;
    throw fail('forbidden');
  });
  const changed = setReaders(['badr']);
  const resume = parked(amal);
  app.platform.advance(grace);
  conclude();
  await changed;
  await app.services.rooms.settled();
  const again = app.socket('amal');
  resume(again)();
  await app.services.rooms.settled();
  expect(again.take()).toEqual([failed]);
});

test('[PRS10] a token that is renewed while a join is authorized counts', async () => {
  const vault = '/vaults/1';
  await app.write({ cmd: 'create', r: vault, body: { owner: 'amal' } });
  const joining = app.services.rooms.join(amal, { r: vault, names: ['vaults'] }, undefined);
  amal.auth = { uid: 'other' };
  app.services.rooms.authChanged(amal);
  await expect(joining).rejects.toMatchObject({ code: 404 });
  expect(app.services.rooms.counts.watchers).toBe(0);
});

test('[PRS9] [PRS10] [LKP4] what the token of a resumed connection looks up is watched', async () => {
  const rooms = String(roomModels['projects/rooms']).replace('{auth.uid}', '{auth.data.member}');
  app = await roomsApp({ models: { ...roomModels, 'projects/rooms': rooms } });
  const room = '/projects/1/rooms/1';
  const member = { cmd: 'create', body: { role: 'reader' } };
  await app.write({ cmd: 'create', r: '/projects/1', body: {} });
  for (const id of ['a', 'b']) await app.write({ ...member, r: `/projects/1/members/${id}` });
  await app.write({ cmd: 'create', r: room, body: {} });
  amal = app.socket('amal', { data: { member: 'a' } });
  expect(await app.join(amal, room)).toMatchObject({ body: { count: 0 } });
  const again = app.socket('amal', { data: { member: 'b' } });
  parked(amal)(again)();
  await app.services.rooms.settled();
  expect(again.take()).toMatchObject([{ evt: 'presence', body: { members: [] } }]);
  await app.write({ cmd: 'delete', r: '/projects/1/members/b' });
  expect(again.take()).toEqual([{ ...failed, r: room }]);
});

test('[PRS1] [PRS7] joining again while pushes are on their way is followed by the whole list', () => {
  const list = new RoomMemberList();
  const membership = new Membership(new RoomConnection('m1', amal), topic, undefined);
  let behind = 0;
  membership.room = {
    ...{ list, isEmpty: false, isDelivering: true, remove() {}, sendList() {} },
    onBehind: () => behind++,
  };
  membership.restartAt(list.known, true);
  expect([membership.isBehind, behind]).toEqual([true, 1]);
});

test('[PRS4] of two messages in flight the push of each waits for its own response, in order', async () => {
  await app.join(amal, r);
  amal.take();
  const send = (event: string) =>
    app.services.rooms.send({ auth: amal.auth, target: amal }, topic, { event });
  const events = () => amal.take().map(({ body }) => (body as { event: string }).event);
  const first = await send('first');
  const second = await send('second');
  await app.services.rooms.settled();
  expect(amal.take()).toEqual([]);
  first();
  expect(events()).toEqual(['first']);
  // A message that comes later does not make the earlier one wait.
  const third = await send('third');
  second();
  expect(events()).toEqual(['second']);
  third();
  expect(events()).toEqual(['third']);
});

test('[PRS4] pushes keep their order when a later message is answered first', async () => {
  await app.join(amal, r);
  amal.take();
  const send = (event: string) =>
    app.services.rooms.send({ auth: amal.auth, target: amal }, topic, { event });
  const [first, second] = [await send('first'), await send('second')];
  await app.services.rooms.settled();
  second();
  expect(amal.take()).toEqual([]);
  first();
  expect(amal.take()).toMatchObject([{ body: { event: 'first' } }, { body: { event: 'second' } }]);
});

test('[PRS1] a join that begins when its connection has gone is not seen by the others', async () => {
  const { rooms } = app.services;
  await app.join(badr, r);
  rooms.drop(amal);
  await expect(rooms.join(amal, topic, {})).rejects.toMatchObject({ code: 503 });
  const omar = app.socket('omar');
  await app.join(omar, r);
  parked(omar)(app.socket('omar'));
  await expect(rooms.join(omar, topic, {})).rejects.toMatchObject({ code: 503 });
  await app.tick();
  expect(badr.take()).toEqual([]);
  expect(rooms.counts).toMatchObject({ members: 0, watchers: 2 });
});

test('[PRS10] a join whose rights change all the time ends with 503', async () => {
  const { rooms, objects } = app.services;
  const head = objects.head.bind(objects);
  let changes = 20;
  vi.spyOn(objects, 'head').mockImplementation(async (...args) => {
    if (changes-- > 0) rooms.authChanged(amal);
    return await head(...args);
  });
  await expect(rooms.join(amal, topic, undefined)).rejects.toMatchObject({ code: 503 });
  changes = 4;
  await expect(rooms.join(amal, topic, undefined)).resolves.toMatchObject({ body: { count: 0 } });
});

test('[PRS10] a room whose rules cannot be told apart for one of its watchers is checked all the same', async () => {
  const audienceOf = vi.spyOn(RoomRights.prototype, 'audienceOf');
  await app.join(amal, r);
  await app.join(badr, r);
  audienceOf.mockImplementationOnce(() => {
    throw new Error('too deep');
  });
  await setReaders(['badr']);
  expect(amal.take()).toEqual([failed]);
  await setReaders(['amal'], 2);
  audienceOf.mockRestore();
  expect(badr.take()).toEqual([failed]);
});
