import { beforeEach, describe, expect, test } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import '../live/mod.js';
import type { Really } from '../really.js';
import './mod.js';
import type { RoomMember } from './room.js';

let world: FakeWorld;
let client: Really;
beforeEach(async () => {
  world = new FakeWorld();
  client = await world.connected();
});

const r = '/boards/7';
const amal = (state: object): object => ({ id: 'm1', user: { uid: 'amal' }, state });
const badr = (state: object): object => ({ id: 'm2', user: { uid: 'badr' }, state });
const joined = (...members: object[]) =>
  world.socket.answer('join', { r, body: { me: 'm1', count: members.length, members } });
const changes = (parts: object, count: number) =>
  world.socket.say({
    ...{ evt: 'presence', eph: true, r },
    body: { joined: [], changed: [], left: [], ...parts, count },
  });
const statesOf = (members: readonly RoomMember[]) => members.map(({ state }) => state);

describe('a room', () => {
  test('[TSC14] has oneself and the others, as pushes change them, with a snapshot that stays the same in between', () => {
    const room = client.room(r, { state: { typing: false } });
    expect(room.getSnapshot()).toMatchObject({ status: 'joining', me: undefined, count: 0 });
    expect(world.socket.last('join')).toMatchObject({ r, body: { state: { typing: false } } });
    let calls = 0;
    const stop = room.subscribe(() => calls++);
    joined(amal({ typing: false }), badr({}));
    expect(room.getSnapshot()).toEqual({
      ...{ status: 'joined', count: 2, error: undefined },
      me: amal({ typing: false }),
      others: [badr({})],
    });
    expect(room.getSnapshot()).toBe(room.getSnapshot());
    changes({ changed: [{ id: 'm2', state: { typing: true } }] }, 2);
    expect(statesOf(room.others)).toEqual([{ typing: true }]);
    changes({ joined: [{ id: 'm3', user: { uid: 'carl' }, state: {} }], left: ['m2'] }, 2);
    expect(room.others.map(({ id }) => id)).toEqual(['m3']);
    expect(calls).toBe(3);
    stop();
    world.socket.say({ evt: 'presence', eph: true, r, body: { members: [amal({})], count: 1 } });
    expect([room.others, room.getSnapshot().count, calls]).toEqual([[], 1, 3]);
  });

  test('[TSC14] a state is shown at once, and sent one change at a time', () => {
    const room = client.room(r, { state: { x: 0, y: 0 } });
    joined(amal({ x: 0, y: 0 }));
    for (let x = 1; x <= 5; x++) room.present({ x });
    room.present({ y: null });
    expect(room.me?.state).toEqual({ x: 5 });
    expect(world.socket.all('present').map(({ body }) => body)).toEqual([{ x: 1 }]);
    world.socket.answer('present', { r });
    expect(world.socket.all('present').map(({ body }) => body)).toEqual([
      { x: 1 },
      { x: 5, y: null },
    ]);
    world.socket.answer('present', { r });
    changes({ changed: [{ id: 'm1', state: { x: 5 } }] }, 1);
    expect(room.me?.state).toEqual({ x: 5 });
    expect(world.socket.all('present')).toHaveLength(2);
  });

  test('[TSC14] a change that is refused is taken back, one that came too fast is sent again', async () => {
    const room = client.room(r, { state: { x: 0 } });
    joined(amal({ x: 0 }));
    room.present({ x: 'no' });
    const error = { code: 409, message: 'validation.failed', errors: { x: ['type.invalid'] } };
    world.socket.answer('present', { r, error });
    expect(room.getSnapshot()).toMatchObject({ status: 'joined', me: amal({ x: 0 }), error });
    room.present({ x: 1 });
    const limited = { code: 429, message: 'rate.limited' };
    world.socket.answer('present', { r, error: limited, meta: { retryAfter: 1 } });
    room.present({ z: 1 });
    await world.pass(2000);
    expect(
      world.socket
        .all('present')
        .map(({ body }) => body)
        .at(-1),
    ).toMatchObject({ z: 1 });
    expect(room.me?.state).toEqual({ x: 1, z: 1 });
  });

  test('[TSC14] a refusal takes back what was refused alone, and its error ends with the next change that is accepted', () => {
    const room = client.room(r, { state: { x: 0 } });
    joined(amal({ x: 0 }));
    room.present({ y: 1 });
    world.socket.answer('present', { r });
    room.present({ x: 'no' });
    room.present({ z: 2 });
    const error = { code: 409, message: 'validation.failed' };
    // The push of what was accepted before has not come yet.
    world.socket.answer('present', { r, error });
    expect(room.getSnapshot()).toMatchObject({ me: amal({ x: 0, y: 1, z: 2 }), error });
    expect(world.socket.last('present').body).toEqual({ z: 2 });
    world.socket.answer('present', { r });
    const { me, error: last } = room.getSnapshot();
    expect([me?.state, last]).toEqual([{ x: 0, y: 1, z: 2 }, undefined]);
    room.present({ y: 'no' });
    world.socket.answer('present', { r, error });
    expect(room.me?.state).toEqual({ x: 0, y: 1, z: 2 });
  });

  test('[TSC14] messages are heard by their names, and sending resolves when they are accepted', async () => {
    const room = client.room(r);
    joined(badr({}));
    expect(world.socket.last('join').body).toEqual({});
    const heard: unknown[] = [];
    const stop = room.on('wave', (message) => heard.push(message));
    const say = (event: string, data: unknown) => {
      const meta = { member: 'm2', opBy: { uid: 'badr' } };
      world.socket.say({ evt: 'sent', eph: true, r, meta, body: { event, data } });
    };
    say('wave', 1);
    say('nod', 2);
    stop();
    say('wave', 3);
    expect(heard).toEqual([{ event: 'wave', data: 1, member: 'm2', by: { uid: 'badr' } }]);
    const sending = room.send('wave', { x: 1 });
    expect(world.socket.last('send')).toMatchObject({ r, body: { event: 'wave', data: { x: 1 } } });
    world.socket.answer('send', { r });
    await sending;
    const refused = room.send('wave');
    world.socket.answer('send', { error: { code: 403, message: 'forbidden' } });
    await expect(refused).rejects.toMatchObject({ code: 403 });
    world.socket.drop();
    await expect(room.send('wave')).rejects.toMatchObject({ message: 'connection.lost' });
  });

  test('[TSC9] sending ends by a signal, and by a time limit', async () => {
    const room = client.room(r);
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = room.send('wave', {}, { signal });
    const late = room.send('wave', {}, { timeout: 1_000 });
    const slow = room.send('wave');
    controller.abort('enough');
    await expect(aborted).rejects.toMatchObject({ message: 'aborted', cause: 'enough', r });
    await expect(room.send('wave', {}, { signal })).rejects.toMatchObject({ message: 'aborted' });
    expect(world.socket.all('send')).toHaveLength(3);
    world.socket.answer('send', { r });
    await slow;
    const heard = expect(late).rejects.toMatchObject({ message: 'request.timeout', r });
    await world.pass(1_000);
    await heard;
  });

  test('[TSC14] after a lost connection it joins again with its state, and the listeners stay', async () => {
    const room = client.room(r, { state: { x: 0 } });
    joined(amal({ x: 0 }), badr({}));
    const heard: unknown[] = [];
    room.on('wave', ({ data }) => heard.push(data));
    world.socket.drop();
    expect(room.getSnapshot()).toMatchObject({ status: 'joining', others: [badr({})] });
    room.present({ x: 1 });
    await world.pass(400);
    await world.reconnect();
    expect(world.socket.all('join').map(({ body }) => body)).toEqual([{ state: { x: 1 } }]);
    world.socket.answer('join', {
      r,
      body: { me: 'm9', count: 1, members: [{ ...amal({ x: 1 }), id: 'm9' }] },
    });
    expect(room.getSnapshot()).toMatchObject({ status: 'joined', me: { id: 'm9' }, others: [] });
    world.socket.say({ evt: 'sent', eph: true, r, meta: {}, body: { event: 'wave', data: 2 } });
    expect([heard, world.socket.all('present')]).toEqual([[2], []]);
  });

  test('[TSC14] pushes of a room are not counted, and say nothing to a live copy of its object', async () => {
    const live = client.live(client.object(r));
    const room = client.room(r);
    joined();
    await world.settle();
    world.socket.answer('subscribe', { body: { subscriptions: [{ r, fields: [], view: 'v' }] } });
    world.socket.say({ evt: 'snapshot', r, rev: 1, meta: { view: 'v' }, body: { _r: r, _rev: 1 } });
    const error = { code: 403, message: 'forbidden' };
    world.socket.say({ evt: 'failed', eph: true, r, error });
    expect(room.getSnapshot()).toMatchObject({ status: 'failed', error, count: 0 });
    expect(live.status).toBe('live');
    await world.lose();
    expect(world.sockets.at(-1)?.last('initialize').received).toBe(1);
  });

  test('[TSC14] a join that is refused for the moment is tried again, another one fails', async () => {
    const room = client.room(r);
    world.socket.answer('join', {
      ...{ r, error: { code: 429, message: 'rate.limited' }, meta: { retryAfter: 1 } },
    });
    expect(room.status).toBe('joining');
    await world.pass(2000);
    expect(world.socket.all('join')).toHaveLength(2);
    world.socket.answer('join', { r, error: { code: 404, message: 'object.missing' } });
    expect(room.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 404 } });
    expect(client.room(r, { state: { x: 3 } })).toBe(room);
    expect(room.getSnapshot()).toMatchObject({ status: 'joining', error: undefined });
    expect(world.socket.last('join').body).toMatchObject({ state: { x: 3 } });
  });

  test('[TSC14] a listener that hears that a room was left may ask for it again', () => {
    const room = client.room(r, { state: {} });
    joined(amal({}));
    let other: typeof room | undefined;
    const stop = room.subscribe(() => {
      if (room.status !== 'left') return;
      other ??= client.room(r, { state: {} });
    });
    room.leave();
    stop();
    expect(other).not.toBe(room);
    expect(world.socket.sent.slice(-2).map(({ cmd }) => cmd)).toEqual(['leave', 'join']);
    joined(amal({}));
    expect(other?.status).toBe('joined');
  });

  test('[TSC14] [LIM1] a join that was too large is not sent again by itself', async () => {
    const room = client.room(r, { state: { text: 'x'.repeat(300) } });
    world.socket.drop(1009);
    expect(room.getSnapshot()).toMatchObject({
      ...{ status: 'failed', error: { code: 413, message: 'message.too.large' } },
    });
    await world.pass(400);
    await world.reconnect();
    expect(world.socket.all('join')).toEqual([]);
    expect(client.room(r, { state: { text: null } })).toBe(room);
    expect(world.socket.last('join').body).toEqual({ state: {} });
  });

  test('[TSC14] there is one room for an object, until it is left', () => {
    const room = client.room(r, { state: { x: 1 } });
    expect(client.room(`${r}/`, { state: { y: 1 } })).toBe(room);
    joined(amal({ x: 1 }));
    room.leave();
    room.leave();
    expect(world.socket.all('leave')).toHaveLength(1);
    expect(room.getSnapshot()).toMatchObject({ status: 'left', me: undefined, others: [] });
    expect(client.room(r)).not.toBe(room);
    expect(() => client.room('/boards')).toThrow(TypeError);
  });
});

test('[TSC14] a room that was left without a connection is left in the session that goes on, once', async () => {
  const room = client.room(r, { state: {} });
  joined(amal({}), badr({}));
  world.socket.drop();
  room.leave();
  await world.pass(400);
  await world.reconnect({ resumed: true });
  expect(world.socket.all('leave')).toEqual([]);
  world.socket.say({ evt: 'presence', eph: true, r, body: { members: [amal({})], count: 1 } });
  changes({ joined: [badr({})] }, 2);
  expect(world.socket.all('leave').map((sent) => sent.r)).toEqual([r]);
  world.socket.answer('leave', { r });
  const error = { code: 403, message: 'forbidden' };
  world.socket.say({ evt: 'failed', eph: true, r, error });
  expect(world.socket.all('leave')).toHaveLength(1);
});

test('[TSC14] another user is in none of it as the last one: the room begins again', async () => {
  const room = client.room(r, { state: { typing: false } });
  joined(amal({ typing: false }), badr({}));
  room.present({ name: 'Amal' });
  await world.lose({ user: { uid: 'carl' } });
  expect(world.socket.last('join').body).toEqual({ state: { typing: false } });
  expect(room.getSnapshot()).toMatchObject({
    ...{ status: 'joining', me: undefined, others: [], count: 0 },
  });
  const carl = { id: 'm3', user: { uid: 'carl' }, state: { typing: false } };
  world.socket.answer('join', { r, body: { me: 'm3', count: 1, members: [carl] } });
  expect(room.getSnapshot()).toMatchObject({ status: 'joined', me: carl });
});

test('[TSC14] a room that failed is joined again in the next session, unless it was left', async () => {
  const error = { code: 403, message: 'forbidden' };
  const room = client.room(r, { state: {} });
  world.socket.answer('join', { r, error });
  const other = client.room('/boards/8');
  world.socket.answer('join', { r: '/boards/8', error });
  expect([room.status, other.status]).toEqual(['failed', 'failed']);
  other.leave();
  await world.lose();
  expect(world.socket.all('join').map((sent) => sent.r)).toEqual([r]);
  expect(room.getSnapshot()).toMatchObject({ status: 'joining', error: undefined });
  joined(amal({}));
  expect(room.status).toBe('joined');
  expect(world.socket.all('leave')).toEqual([]);
});

test('[TSC17] a room that is refused while own writes are under way is joined once these are committed', async () => {
  const forbidden = { error: { code: 403, message: 'forbidden' } };
  const write = client.collection('/boards/7/members').create({}, { id: 'amal' });
  const room = client.room(r, { state: {} });
  world.socket.answer('join', forbidden);
  await world.settle();
  expect([room.status, world.socket.all('join').length]).toEqual(['joining', 1]);
  world.socket.answer('create', { body: { _r: '/boards/7/members/amal', _rev: 1 } });
  await write;
  await world.settle();
  expect(world.socket.last('join').body).toEqual({ state: {} });
  joined(amal({}));
  expect([room.status, world.socket.all('join').length]).toEqual(['joined', 2]);
  room.leave();

  void client.collection('/boards/7/members').create({}, { id: 'beno' });
  const other = client.room(r);
  world.socket.answer('join', forbidden);
  world.socket.answer('create', { error: { code: 403, message: 'forbidden' } });
  await world.settle();
  world.socket.answer('join', forbidden);
  expect([other.status, other.getSnapshot().error?.code]).toEqual(['failed', 403]);
  expect(world.socket.all('join')).toHaveLength(4);
});
