import { describe, expect, test } from 'vitest';
import { type RoomsApp, roomsApp } from './rooms.fixture.js';

const r = '/boards/1';

async function withBoards(
  options: Parameters<typeof roomsApp>[0] = {},
  boards = 1,
): Promise<RoomsApp> {
  const app = await roomsApp(options);
  for (let n = 1; n <= boards; n++) await app.write({ cmd: 'create', r: `/boards/${n}`, body: {} });
  return app;
}

const invalid = (path: string, detail: string) => ({
  error: { code: 400, message: 'request.invalid', errors: { [path]: [detail] } },
});
const limited = (key: string) => ({
  error: { code: 429, message: 'rate.limited', errors: { r: [`beyond ${key}`] } },
  meta: { retryAfter: 1 },
});

describe('what may be said', () => {
  test('[PRS8] a state has a size, after the change', async () => {
    const app = await withBoards();
    const amal = app.socket('amal');
    const text = (bytes: number) => ({ a: 'x'.repeat(bytes - 8) });
    expect(await app.join(amal, r, text(2049))).toMatchObject(
      invalid('body.state', 'beyond limits.roomState'),
    );
    expect(await app.join(amal, r, text(2048))).toMatchObject({ body: { count: 1 } });
    expect(await app.request(amal, { cmd: 'present', r, body: { b: 1 } })).toMatchObject(
      invalid('body', 'beyond limits.roomState'),
    );
    const smaller = { a: null, b: 1 };
    expect(await app.request(amal, { cmd: 'present', r, body: smaller })).toEqual({ r });
  });

  test('[PRS8] a message has a size', async () => {
    const app = await withBoards();
    const send = (data: string) =>
      app.request(app.socket('amal'), { cmd: 'send', r, body: { event: 'e', data } });
    const overhead = JSON.stringify({ event: 'e', data: '' }).length;
    expect(await send('x'.repeat(16 * 1024 - overhead))).toEqual({ r });
    expect(await send('x'.repeat(16 * 1024 - overhead + 1))).toMatchObject(
      invalid('body', 'beyond limits.roomMessage'),
    );
  });

  test('[PRS1] [PRS4] a request that is no request is answered with what was expected', async () => {
    const app = await withBoards();
    const amal = app.socket('amal');
    const cases = [
      [{ cmd: 'join', body: { state: 1 } }, invalid('body.state', 'expected.object')],
      [
        { cmd: 'join', body: { sate: {} } },
        { error: { errors: { 'body.sate': ['member.unknown', 'expected.state'] } } },
      ],
      [{ cmd: 'present' }, invalid('body', 'expected.object')],
      [{ cmd: 'send', body: {} }, invalid('body.event', 'expected.string')],
      [
        { cmd: 'send', body: { event: '' } },
        invalid('body.event', 'expected.from.1.to.128.characters'),
      ],
    ] as const;
    for (const [message, error] of cases) {
      expect(await app.request(amal, { ...message, r })).toMatchObject(error);
    }
  });

  test('[PRS12] a model says what a state may be, with defaults', async () => {
    const app = await withBoards();
    const game = '/games/1';
    await app.write({ cmd: 'create', r: game, body: {} });
    const amal = app.socket('amal');
    const wrong = { error: { code: 409, message: 'validation.failed' } };
    expect(await app.join(amal, game, { x: -1, y: 1 })).toMatchObject({
      error: {
        ...wrong.error,
        errors: {
          x: ['validation.custom.failed'],
          y: ['field.unknown'],
          name: ['value.required'],
        },
      },
    });
    expect(await app.join(amal, game, { name: 'A', x: null })).toMatchObject({
      body: { members: [{ state: { name: 'A', color: 'red' } }] },
    });
    expect(await app.request(amal, { cmd: 'present', r: game, body: { x: 'no' } })).toMatchObject({
      error: { ...wrong.error, errors: { x: ['type.invalid'] } },
    });
    expect(
      await app.request(amal, { cmd: 'present', r: game, body: { name: null } }),
    ).toMatchObject({
      error: { ...wrong.error, errors: { name: ['value.required'] } },
    });
  });

  test('[PRS12] a model says which messages there are', async () => {
    const app = await withBoards();
    const game = '/games/1';
    await app.write({ cmd: 'create', r: game, body: {} });
    const amal = app.socket('amal');
    await app.join(amal, game);
    const send = (body: { event: string; data?: object }) =>
      app.request(amal, { cmd: 'send', r: game, body: body as never });
    expect(await send({ event: 'jump' })).toMatchObject({
      error: { code: 409, message: 'validation.failed', errors: { event: ['event.unknown'] } },
    });
    expect(await send({ event: 'move', data: { to: 1.5 } })).toMatchObject({
      error: { errors: { to: ['type.invalid'] } },
    });
    expect(await send({ event: 'move' })).toMatchObject({
      error: { errors: { to: ['value.required'] } },
    });
    expect(await send({ event: 'move', data: { to: 3 } })).toEqual({ r: game });
    expect(await send({ event: 'nod' })).toEqual({ r: game });
    expect(amal.take().map(({ body }) => body)).toEqual([
      { event: 'move', data: { to: 3 } },
      { event: 'nod' },
    ]);
  });
});

describe('how much', () => {
  test('[PRS8] rooms of a connection', async () => {
    const app = await withBoards({ limits: { rooms: 2 } }, 3);
    const amal = app.socket('amal');
    const rs = ['/boards/1', '/boards/2', '/boards/3'];
    const answers = await Promise.all(rs.map((each) => app.join(amal, each)));
    expect(answers.filter(({ error }) => error)).toMatchObject([limited('limits.rooms')]);
    // Again is not one more.
    expect(await app.join(amal, '/boards/1', {})).toMatchObject({ body: { count: 1 } });
    await app.request(amal, { cmd: 'leave', r: '/boards/1' });
    expect(await app.join(amal, '/boards/3')).toMatchObject({ body: { count: 0 } });
  });

  test('[PRS8] rooms of a uid and of the node', async () => {
    const app = await withBoards({ limits: { roomMembersPerUid: 2, roomMembersPerNode: 3 } });
    const join = (uid: string) => app.join(app.socket(uid), r, {});
    await join('amal');
    await join('amal');
    expect(await join('amal')).toMatchObject(limited('limits.roomMembersPerUid'));
    const badr = app.socket('badr');
    expect(await app.join(badr, r)).toMatchObject({ body: { count: 2 } });
    expect(await join('carl')).toMatchObject(limited('limits.roomMembersPerNode'));
    app.services.rooms.drop(badr);
    expect(await join('carl')).toMatchObject({ body: { count: 3 } });
  });

  test('[PRS8] states of the node', async () => {
    const app = await withBoards({ limits: { roomStatesPerNode: 4096 } });
    const state = { a: 'x'.repeat(1500) };
    const amal = app.socket('amal');
    await app.join(amal, r, state);
    expect(await app.join(app.socket('badr'), r, state)).toMatchObject({ body: { count: 2 } });
    const carl = app.socket('carl');
    expect(await app.join(carl, r, state)).toMatchObject(limited('limits.roomStatesPerNode'));
    expect(app.services.rooms.counts.watchers).toBe(2);
    await app.request(amal, { cmd: 'present', r, body: { a: null } });
    expect(await app.join(carl, r, {})).toMatchObject({ body: { count: 3 } });
  });

  test('[PRS8] messages of a connection, and of one without a connection by its uid', async () => {
    const app = await withBoards({ rates: { sends: 3 } });
    const amal = app.socket('amal');
    const message = { cmd: 'send', r, body: { event: 'e' } };
    for (let sent = 0; sent < 3; sent++) expect(await app.request(amal, message)).toEqual({ r });
    expect(await app.request(amal, message)).toMatchObject(limited('rate.sends'));
    expect(await app.request(app.socket('amal'), message)).toEqual({ r });
    app.platform.advance(1000);
    expect(await app.request(amal, message)).toEqual({ r });
  });

  test('[PRS8] a push counts, however short it is', async () => {
    const app = await withBoards({ rates: { roomBytes: 1000 } });
    const amal = app.socket('amal');
    for (const uid of ['a', 'b', 'c', 'd']) await app.join(app.socket(uid), r);
    const message = { cmd: 'send', r, body: { event: 'e' } };
    expect(await app.request(amal, message)).toEqual({ r });
    expect(await app.request(amal, message)).toMatchObject({
      error: { code: 429, errors: { r: ['beyond rate.roomBytes'] } },
    });
  });

  test('[PRS8] so does leaving', async () => {
    const app = await withBoards({ rates: { roomBytes: 2000 } });
    const amal = app.socket('amal');
    for (const uid of ['a', 'b', 'c', 'd']) await app.join(app.socket(uid), r);
    await app.join(amal, r, {});
    expect(await app.request(amal, { cmd: 'leave', r })).toEqual({ r });
    expect(await app.join(amal, r, {})).toMatchObject({
      error: { code: 429, errors: { r: ['beyond rate.roomBytes'] } },
    });
  });

  test('[PRS8] what goes out because of a uid, to all who watch', async () => {
    const app = await withBoards({ rates: { roomBytes: 1000 } });
    const amal = app.socket('amal');
    for (const uid of ['a', 'b', 'c', 'd']) await app.join(app.socket(uid), r);
    const message = { cmd: 'send', r, body: { event: 'e', data: 'x'.repeat(1000) } };
    expect(await app.request(amal, message)).toEqual({ r });
    const refused = { error: { code: 429, errors: { r: ['beyond rate.roomBytes'] } } };
    expect(await app.request(amal, message)).toMatchObject(refused);
    expect(await app.join(amal, r, {})).toMatchObject(refused);
    expect(await app.request(app.socket('other'), message)).toEqual({ r });
    app.platform.advance(10_000);
    expect(await app.request(amal, message)).toEqual({ r });
  });
});
