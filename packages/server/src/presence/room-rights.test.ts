import { beforeEach, describe, expect, test, vi } from 'vitest';
import { RoomRights } from './room-rights.js';
import { bodyOf, type RoomSocket, type RoomsApp, roomModels, roomsApp } from './rooms.fixture.js';

let app: RoomsApp;
let amal: RoomSocket;
let badr: RoomSocket;

beforeEach(async () => {
  app = await roomsApp();
  amal = app.socket('amal');
  badr = app.socket('badr');
});

const errorOf = async (answer: Promise<{ error?: unknown }>) => (await answer).error;
const forbidden = { code: 403, message: 'forbidden' };
const failed = (r: string, error: object) => ({ evt: 'failed', eph: true, r, error });

describe('who may', () => {
  test('[PRS10] whoever may read and subscribe may watch, the others are refused as by get', async () => {
    await app.write({ cmd: 'create', r: '/boards/1', body: { readers: ['badr'] } });
    await app.write({ cmd: 'create', r: '/vaults/1', body: { owner: 'badr' } });
    await app.write({ cmd: 'create', r: '/vaults/2', body: { owner: 'amal' } });
    await app.write({ cmd: 'delete', r: '/vaults/2' });
    const missing = { code: 404, message: 'object.missing' };
    for (const message of [
      { cmd: 'join', body: { state: {} } },
      { cmd: 'join' },
      { cmd: 'send', body: { event: 'wave' } },
    ]) {
      const ask = (r: string) => errorOf(app.request(amal, { ...message, r }));
      expect(await ask('/boards/1')).toEqual(forbidden);
      expect(await ask('/boards/none')).toEqual(missing);
      expect(await ask('/vaults/1')).toEqual(missing);
      expect(await ask('/vaults/none')).toEqual(missing);
      expect(await ask('/nothing/1')).toEqual({ code: 404, message: 'model.unknown' });
      expect(await ask('/boards')).toEqual({ code: 400, message: 'r.object.required' });
      expect(await ask('boards')).toEqual({ code: 400, message: 'r.invalid' });
    }
    expect(app.services.rooms.counts.rooms).toBe(0);
    expect(await errorOf(app.join(badr, '/boards/1', {}))).toBeUndefined();
  });

  test('[PRS10] a deleted object has no room', async () => {
    await app.write({ cmd: 'create', r: '/boards/1', body: {} });
    await app.write({ cmd: 'delete', r: '/boards/1' });
    const gone = { code: 410, message: 'object.gone' };
    expect(await errorOf(app.join(amal, '/boards/1'))).toEqual(gone);
    const sent = app.request(amal, { cmd: 'send', r: '/boards/1', body: { event: 'wave' } });
    expect(await errorOf(sent)).toEqual(gone);
  });

  test('[PRS10] `present` says who may appear, and `send` who may send', async () => {
    const r = '/boards/1';
    await app.write({ cmd: 'create', r, body: { editors: ['badr'] } });
    expect(await errorOf(app.join(amal, r, {}))).toEqual(forbidden);
    expect(await errorOf(app.join(amal, r))).toBeUndefined();
    expect(await errorOf(app.request(amal, { cmd: 'present', r, body: {} }))).toEqual(forbidden);
    const message = { cmd: 'send', r, body: { event: 'wave' } };
    expect(await errorOf(app.request(amal, message))).toEqual(forbidden);
    expect(await errorOf(app.request(badr, message))).toBeUndefined();
    expect(await errorOf(app.join(badr, r, {}))).toBeUndefined();
    expect(amal.take()).toMatchObject([{ evt: 'sent' }]);
  });

  test('[PRS10] they default to `subscribe`', async () => {
    const rule = 'access: { create: true, read: true, subscribe: auth.uid == "amal" }';
    const own = await roomsApp({
      models: { notes: `version: 1\nfields: { t: { type: String } }\n${rule}\n` },
    });
    await own.write({ cmd: 'create', r: '/notes/1', body: {} });
    const message = { cmd: 'send', r: '/notes/1', body: { event: 'wave' } };
    for (const [uid, error] of [
      ['amal', undefined],
      ['badr', forbidden],
    ] as const) {
      const socket = own.socket(uid);
      expect(await errorOf(own.join(socket, '/notes/1', {}))).toEqual(error);
      expect(await errorOf(own.request(socket, message))).toEqual(error);
    }
  });
});

describe('rights that change', () => {
  const r = '/boards/1';

  test('[PRS10] who may not read the object any more has left, and gets nothing of what follows', async () => {
    await app.write({ cmd: 'create', r, body: { readers: ['amal', 'badr'] } });
    const { me } = bodyOf(await app.join(amal, r, {}));
    await app.join(badr, r, {});
    await app.tick();
    badr.take();
    // Without waiting: it is authorized again before anything else is sent.
    const op = { op: 'set', key: 'readers', value: ['badr'] };
    await app.send({ uid: 'badr' }, { cmd: 'update', r, rev: 1, body: { ops: [op] } });
    await app.publishedChanges();
    await app.request(badr, { cmd: 'send', r, body: { event: 'secret' } });
    await app.tick();
    expect(amal.take().slice(-1)).toEqual([failed(r, forbidden)]);
    expect(badr.take()).toMatchObject([{ evt: 'sent' }, { evt: 'presence', body: { left: [me] } }]);
    await app.request(badr, { cmd: 'send', r, body: { event: 'more' } });
    expect(amal.take()).toEqual([]);
    expect(await errorOf(app.request(amal, { cmd: 'leave', r }))).toMatchObject({ code: 404 });
    expect(amal.isWatched).toBe(false);
  });

  test('[PRS10] those about whom the rules say the same are judged once, and treated alike', async () => {
    await app.write({ cmd: 'create', r, body: { readers: ['amal', 'badr'] } });
    const amals = Array.from({ length: 20 }, () => app.socket('amal'));
    const badrs = Array.from({ length: 20 }, () => app.socket('badr'));
    for (const socket of [...amals, ...badrs]) await app.join(socket, r);
    await app.join(badr, r, {});
    await app.tick();
    for (const socket of [...amals, ...badrs]) socket.take();
    const judged = vi.spyOn(RoomRights.prototype, 'demandWatch');
    const op = { op: 'set', key: 'readers', value: ['badr'] };
    await app.write({ cmd: 'update', r, rev: 1, body: { ops: [op] } });
    // The watchers of either, and the member.
    expect(judged).toHaveBeenCalledTimes(3);
    judged.mockRestore();
    for (const socket of amals) expect(socket.take()).toEqual([failed(r, forbidden)]);
    await app.request(badr, { cmd: 'send', r, body: { event: 'more' } });
    await app.tick();
    for (const socket of badrs) expect(socket.take()).toMatchObject([{ evt: 'sent' }]);
    for (const socket of amals) expect(socket.take()).toEqual([]);
  });

  test('[PRS10] who may not appear any more fails; who only watches stays', async () => {
    await app.write({ cmd: 'create', r, body: {} });
    await app.join(amal, r, {});
    await app.join(badr, r);
    await app.tick();
    const op = { op: 'set', key: 'editors', value: [] };
    await app.write({ cmd: 'update', r, rev: 1, body: { ops: [op] } });
    await app.tick();
    expect(amal.take()).toEqual([failed(r, forbidden)]);
    expect(badr.take()).toMatchObject([{ evt: 'presence', body: { count: 0 } }]);
  });

  test('[PRS10] the room of an object ends with it', async () => {
    await app.write({ cmd: 'create', r, body: {} });
    await app.write({ cmd: 'create', r: '/vaults/1', body: { owner: 'amal' } });
    await app.join(amal, r, {});
    await app.join(amal, '/vaults/1', {});
    await app.tick();
    await app.write({ cmd: 'delete', r });
    await app.send({ uid: 'amal' }, { cmd: 'delete', r: '/vaults/1' });
    await app.publishedChanges();
    await app.services.rooms.settled();
    expect(amal.take()).toEqual([
      failed(r, { code: 410, message: 'object.gone' }),
      failed('/vaults/1', { code: 404, message: 'object.missing' }),
    ]);
    expect(app.services.rooms.counts.rooms).toBe(0);
  });

  test('[PRS10] [LKP4] a membership that is taken away ends the room before anything else is sent', async () => {
    const room = '/projects/1/rooms/1';
    await app.write({ cmd: 'create', r: '/projects/1', body: {} });
    await app.write({ cmd: 'create', r: room, body: {} });
    expect(await errorOf(app.join(amal, room))).toEqual(forbidden);
    for (const uid of ['amal', 'badr']) {
      const member = { cmd: 'create', r: `/projects/1/members/${uid}`, body: { role: 'editor' } };
      await app.write(member);
    }
    await app.join(amal, room, {});
    await app.join(badr, room, {});
    await app.tick();
    amal.take();
    await app.send({ uid: 'badr' }, { cmd: 'delete', r: '/projects/1/members/amal' });
    await app.publishedChanges();
    await app.request(badr, { cmd: 'send', r: room, body: { event: 'secret' } });
    await app.tick();
    expect(amal.take()).toEqual([failed(room, forbidden)]);
    const op = { op: 'set', key: 'role', value: 'reader' };
    await app.write({
      ...{ cmd: 'update', r: '/projects/1/members/badr', rev: 1, body: { ops: [op] } },
    });
    expect(badr.take().slice(-1)).toEqual([failed(room, forbidden)]);
  });

  test('[PRS10] a renewed token is authorized, and shows its user', async () => {
    await app.write({ cmd: 'create', r, body: {} });
    const { me } = bodyOf(await app.join(amal, r, {}));
    await app.join(badr, r);
    amal.auth = { uid: 'amal', data: { nick: 'A' } };
    expect(app.services.rooms.authChanged(amal)).toBe(1);
    expect(app.services.rooms.authChanged(app.socket('somebody'))).toBe(0);
    await app.services.rooms.settled();
    await app.tick();
    const user = { uid: 'amal', data: { nick: 'A' } };
    expect(badr.take()).toMatchObject([{ body: { changed: [{ id: me, state: {}, user }] } }]);
    const vault = '/vaults/1';
    await app.write({ cmd: 'create', r: vault, body: { owner: 'amal' } });
    await app.join(amal, vault, {});
    amal.take();
    amal.auth = { uid: 'other' };
    app.services.rooms.authChanged(amal);
    await app.services.rooms.settled();
    expect(amal.take()).toEqual([failed(vault, { code: 404, message: 'object.missing' })]);
  });

  test('[PRS10] reloaded models count, and a model that is gone has no rooms', async () => {
    await app.write({ cmd: 'create', r, body: {} });
    await app.join(amal, r, {});
    await app.join(badr, r);
    const strict = String(roomModels.boards).replace(/read: .*/, 'read: auth.uid == "amal"');
    const activate = await app.reload({ boards: strict });
    await activate();
    await app.services.rooms.settled();
    expect(amal.take()).toEqual([]);
    expect(badr.take()).toEqual([failed(r, forbidden)]);
  });

  test('[PRS10] a member that lost the right while away is informed when it resumes', async () => {
    await app.write({ cmd: 'create', r, body: {} });
    await app.join(amal, r, {});
    await app.join(badr, r);
    const { rooms } = app.services;
    const parked = rooms.park(amal);
    if (!parked) throw new Error('nothing was parked');
    const op = { op: 'set', key: 'readers', value: ['badr'] };
    await app.write({ cmd: 'update', r, rev: 1, body: { ops: [op] } });
    await app.tick();
    expect(badr.take()).toMatchObject([{ evt: 'presence', body: { count: 0 } }]);
    const again = app.socket('amal');
    rooms.resume(again, parked)();
    await rooms.settled();
    expect(again.take()).toEqual([failed(r, forbidden)]);
  });

  test('[PRS10] a member that lost the right while away and has it again gets the list when it resumes', async () => {
    await app.write({ cmd: 'create', r, body: {} });
    await app.join(amal, r);
    const { rooms } = app.services;
    const parked = rooms.park(amal);
    if (!parked) throw new Error('nothing was parked');
    for (const [index, readers] of [['badr'], ['amal', 'badr']].entries()) {
      const op = { op: 'set', key: 'readers', value: readers };
      await app.write({ cmd: 'update', r, rev: index + 1, body: { ops: [op] } });
    }
    await app.join(badr, r, {});
    const again = app.socket('amal');
    rooms.resume(again, parked)();
    await rooms.settled();
    expect(again.take()).toMatchObject([{ evt: 'presence', body: { count: 1, members: [{}] } }]);
    await app.request(badr, { cmd: 'send', r, body: { event: 'wave' } });
    expect(again.take()).toMatchObject([{ evt: 'sent' }]);
  });

  test('[PRS10] rights that change while a join is authorized count', async () => {
    await app.write({ cmd: 'create', r, body: { readers: ['amal'] } });
    const joining = app.join(amal, r, {});
    const op = { op: 'set', key: 'readers', value: [] };
    await app.send({ uid: 'badr' }, { cmd: 'update', r, rev: 1, body: { ops: [op] } });
    await joining;
    await app.publishedChanges();
    await app.services.rooms.settled();
    expect(app.services.rooms.counts.watchers).toBe(0);
  });
});
