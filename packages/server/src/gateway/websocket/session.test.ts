import { type Auth, fail, type JsonObject, parseR } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { TokenRefusal, Tokens, Verified } from '../../auth/tokens.js';
import type { OrderKey } from '../../commands/order-keys.js';
import { encodeFrame } from '../../live/push/frame.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { appDeps } from '../app-deps.js';
import type { CommandRequest, CommandSet } from '../dispatch/command-set.js';
import { noRates, testOptions } from '../gateway.fixture.js';
import { NodeCount } from '../limits/connection-count.js';
import { OutputTotal } from '../limits/output-total.js';
import type { GatewayLive, GatewayOptions } from '../options.js';
import { Session } from './session.js';

const hour = 3_600_000;

/** The result of verifying this text as a token. */
function verdict(token: unknown, now: number): Verified {
  if (token === undefined) return { ok: false, detail: 'token.missing' };
  if (typeof token !== 'string') return { ok: false, detail: 'token.invalid' };
  if (token.startsWith('token.')) return { ok: false, detail: token as TokenRefusal };
  const [uid = '', life, level] = token.split('+');
  const auth: Auth = { uid, authType: 'test', ...(level && { data: { level } }) };
  const identity = { uid, key: `j${token}`, issuedAt: now };
  return {
    ok: true,
    auth,
    token: identity,
    expires: life === undefined ? undefined : now + Number(life),
  };
}

/** Commands that the test ends by hand, in the order in which they started. */
function manualCommands() {
  const running: { request: CommandRequest; end: (error?: unknown) => void }[] = [];
  const commands: CommandSet = {
    parse(message) {
      const { cmd, tag } = message as { cmd: string; tag: number };
      if (cmd === 'nonsense') return { ok: false, error: fail('command.unknown') };
      return { ok: true, request: { cmd, tag, target: parseR(message.r) } };
    },
    orderKeysOf: ({ cmd, target }): OrderKey[] =>
      target ? [{ r: target.r, mode: cmd === 'get' ? 'read' : 'write' }] : [],
    run: (_call, request) =>
      new Promise((resolve, reject) => {
        const end = (error?: unknown) =>
          error === undefined ? resolve({ body: { done: request.cmd } }) : reject(error);
        running.push({ request, end });
      }),
  };
  return { running, commands };
}

interface Setup {
  perSecond?: number;
  inFlight?: number;
  verify?: Tokens['verify'];
}

function setUp({ perSecond = 0, inFlight = 256, verify }: Setup = {}) {
  const platform = simulatedPlatform({ seed: 1, now: Date.UTC(2026, 0, 1) });
  const { running, commands } = manualCommands();
  const sent: JsonObject[] = [];
  const events: string[] = [];
  const { options, revocations } = testOptions({
    platform,
    limits: { inFlight, outputBuffer: 1000, object: 1000, resumePushes: 4, resumeBytes: 1000 },
    config: { rates: { ...noRates, commands: perSecond } },
  });
  const tokens: GatewayOptions['tokens'] = {
    mint: async () => '',
    verify: verify ?? (async (token) => verdict(token, platform.clock.now())),
  };
  const live: GatewayLive = {
    ...options.live,
    onDrain: () => events.push('drained'),
    drop: () => events.push('dropped'),
    authChanged: ({ auth }) => {
      events.push(`reauthorized ${auth.uid}`);
      return 1;
    },
    resume: async () => () => events.push('begun'),
  };
  const { budgets } = options;
  const rooms: GatewayOptions['rooms'] = { ...options.rooms, authChanged: () => 3 };
  const deps = appDeps(
    { ...options, commands, tokens, live, rooms },
    {
      node: new NodeCount(1),
      output: new OutputTotal({ limit: 1e9, time: 1e9, budgets, platform }),
      draining: () => false,
      alone: true,
    },
  );
  const { activeTokens } = deps;
  const socket = {
    address: '10.0.0.1',
    congested: false,
    send: (frame: Buffer) =>
      sent.push(JSON.parse(frame.subarray(frame[1] === 126 ? 4 : 2).toString())),
    close: (code: number) => {
      events.push(`close ${code}`);
      session.end({ isFinal: false });
    },
    sendEphemeral: () => true,
    watchLife() {},
    proceed: () => events.push('proceed'),
    onAuthenticated() {},
    roomAt: 0,
    pay: (bytes: number) => events.push(`pay ${bytes}`),
    pauseFor: (time: number) => time > 0 && events.push(`hold ${time}`),
  };
  const session = new Session(deps, socket);
  /** The responses once everything that can proceed has. */
  const settle = async () => {
    for (let index = 0; index < 10; index++) await Promise.resolve();
    return sent.splice(0);
  };
  const say = (message: JsonObject, bytes = 0) => {
    session.handle(message, bytes);
    return settle();
  };
  const initialize = (accessToken: string) => say({ tag: 1, cmd: 'initialize', accessToken });
  return {
    ...{ platform, session, socket, running, events, sent, say, settle, initialize },
    ...{ revocations, activeTokens, deps },
  };
}

const handleOf = (answer: JsonObject | undefined): string =>
  String(((answer?.body ?? {}) as JsonObject)['connection-handle']);

const refusal = (tag: number, detail: string) => ({
  tag,
  error: {
    code: 401,
    message: 'invalid/incorrect/expired access token',
    errors: { accessToken: [detail] },
  },
});

describe('before initialize', () => {
  test('[SES4] any other command before initialize is refused', async () => {
    const { say, events } = setUp();
    for (const cmd of ['ping', 'POKE', 'get', 'nonsense']) {
      expect(await say({ tag: 5, cmd, r: '/users/1' })).toEqual([
        { tag: 5, error: { code: 400, message: 'initialize.required' } },
      ]);
    }
    expect(events).toEqual([]);
  });

  test('[SES5] an initialize without a usable tag is invalid', async () => {
    const { say } = setUp();
    for (const tag of [undefined, 'x', -1, 1.5, null, 2 ** 53, {}]) {
      const message = { cmd: 'initialize', accessToken: 'amal', ...(tag !== undefined && { tag }) };
      expect(await say(message)).toEqual([{ error: { code: 400, message: 'initialize.invalid' } }]);
    }
  });

  test('[ENV3] a request without a usable tag or cmd is invalid', async () => {
    const { say, initialize } = setUp();
    const invalid = { code: 400, message: 'request.invalid' };
    const expectInvalid = async () => {
      expect(await say({ cmd: 'get' })).toEqual([{ error: invalid }]);
      expect(await say({ cmd: 'get', tag: '1' })).toEqual([{ error: invalid }]);
      expect(await say({ cmd: 'ping', tag: -1 })).toEqual([{ error: invalid }]);
      expect(await say({ tag: 4 })).toEqual([{ tag: 4, error: invalid }]);
      expect(await say({ tag: 4, cmd: 7 })).toEqual([{ tag: 4, error: invalid }]);
      expect(await say({})).toEqual([{ error: invalid }]);
    };
    await expectInvalid();
    await initialize('amal');
    await expectInvalid();
    expect(await say({ cmd: 'get', r: '/users/1' })).toEqual([{ error: invalid }]);
  });
});

describe('initialize', () => {
  test('[SES1] the response says who the token stands for', async () => {
    const { initialize, platform } = setUp();
    const [answer] = await initialize(`amal+${hour}`);
    expect(answer).toEqual({
      tag: 1,
      evt: 'initialized',
      body: {
        'connection-handle': expect.stringMatching(/^[\w-]{22}$/),
        user: { uid: 'amal', authType: 'test', data: {} },
        epoch: 'e'.repeat(16),
        expires: new Date(platform.clock.now() + hour).toISOString(),
      },
    });
  });

  test('[SES1] no expires if the token has none, and the command’s case does not matter', async () => {
    const [answer] = await setUp().say({ cmd: 'InitiALIZE', tag: 0, accessToken: 'amal' });
    expect(answer?.tag).toBe(0);
    expect(answer?.body).not.toHaveProperty('expires');
    expect(answer?.body).not.toHaveProperty('resumed');
  });

  test('[RES4] an unknown handle is no error', async () => {
    const { say } = setUp();
    const message = { cmd: 'initialize', tag: 1, accessToken: 'amal', received: 3 };
    const [answer] = await say({ ...message, 'connection-handle': 'old' });
    expect(answer?.evt).toBe('initialized');
    expect(answer?.body).toMatchObject({ resumed: false });
  });

  test('[SES2] a refusal says what is wrong with the token', async () => {
    const { say } = setUp();
    const token = (accessToken: unknown) =>
      say({ tag: 3, cmd: 'initialize', accessToken } as JsonObject);
    expect(await say({ tag: 3, cmd: 'initialize' })).toEqual([refusal(3, 'token.missing')]);
    expect(await token(7)).toEqual([refusal(3, 'token.invalid')]);
    expect(await token('token.expired')).toEqual([refusal(3, 'token.expired')]);
  });

  test('[SES3] the fifth failure closes the socket, and no earlier one does', async () => {
    const { initialize, events } = setUp();
    for (let attempt = 0; attempt < 4; attempt++) await initialize('token.invalid');
    expect(events).not.toContain('close 1008');
    expect(await initialize('token.invalid')).toEqual([refusal(1, 'token.invalid')]);
    expect(events).toContain('close 1008');
  });

  test('[SES3] success resets the count of failures', async () => {
    const { initialize, events } = setUp();
    for (let attempt = 0; attempt < 4; attempt++) await initialize('token.invalid');
    await initialize('amal');
    await initialize('token.invalid');
    expect(events).not.toContain('close 1008');
  });

  test('[SES8] a renewal keeps the handle and has a new expiry', async () => {
    const { initialize, platform, events } = setUp();
    const [first] = await initialize(`amal+${hour}`);
    const [second] = await initialize(`amal+${2 * hour}`);
    const handle = ({ body }: JsonObject = {}) => (body as JsonObject)['connection-handle'];
    expect(handle(second)).toBe(handle(first));
    platform.advance(hour + 1);
    expect(events).not.toContain('close 1008');
    platform.advance(hour);
    expect(events).toContain('close 1008');
  });

  test('[SES8] only a token that says something else has subscriptions authorized again', async () => {
    const { initialize, session, events } = setUp();
    const reauthorized = () => events.filter((event) => event.startsWith('reauth')).length;
    await initialize(`amal+${hour}+low`);
    const { auth } = session;
    await initialize(`amal+${2 * hour}+low`);
    expect([session.auth, reauthorized()]).toEqual([auth, 0]);
    expect(session.auth).toBe(auth);
    await initialize(`amal+${2 * hour}+high`);
    expect([session.auth.data, reauthorized()]).toEqual([{ level: 'high' }, 1]);
    await initialize('amal');
    expect([session.auth.data, reauthorized()]).toEqual([undefined, 2]);
  });

  test('[SES8] another uid is refused, and the session goes on as before', async () => {
    const { initialize, say, session, events } = setUp();
    await initialize('amal');
    expect(await initialize('omar')).toEqual([refusal(1, 'token.invalid')]);
    expect(session.auth.uid).toBe('amal');
    expect(events).not.toContain('reauthorized amal');
    expect(await say({ cmd: 'ping', tag: 2 })).toEqual([{ tag: 2, evt: 'pinged' }]);
    expect(events.some((event) => event.startsWith('close'))).toBe(false);
  });

  test('[SES8] a renewal without expiry removes the old one', async () => {
    const { initialize, platform, events } = setUp();
    await initialize(`amal+${hour}`);
    await initialize('amal');
    platform.advance(10 * hour);
    expect(events).not.toContain('close 1008');
  });

  test('[SES2] a server error does not count as a token failure', async () => {
    const { initialize, events } = setUp({ verify: () => Promise.reject(new Error('no key')) });
    for (let attempt = 0; attempt < 9; attempt++) {
      const [answer] = await initialize('amal');
      expect(answer).toEqual({
        tag: 1,
        error: { code: 500, message: 'internal.server.error', id: expect.any(String) },
      });
    }
    expect(events).not.toContain('close 1008');
  });

  test('[SES1] a session that ended during verification sends nothing', async () => {
    const { session, say } = setUp();
    const answer = say({ cmd: 'initialize', tag: 1, accessToken: 'amal' });
    session.end({ isFinal: false });
    expect(await answer).toEqual([]);
  });

  test('[SES1] messages wait while the token is verified', async () => {
    const { session, initialize, events } = setUp();
    const answer = initialize('amal');
    expect(session.busy).toBe(true);
    await answer;
    expect([session.busy, events]).toEqual([false, ['proceed']]);
  });
});

describe('once initialized', () => {
  test('[SES6] ping and poke are answered with only the timestamp', async () => {
    const { initialize, say } = setUp();
    await initialize('amal');
    expect(await say({ tag: 2, cmd: 'ping' })).toEqual([{ tag: 2, evt: 'pinged' }]);
    const more = { r: 'no r', rev: 'no rev', body: 5, cmdOpts: [], traceId: {} };
    for (const timestamp of [1, 'noon', null, { a: [1] }]) {
      expect(await say({ tag: 3, cmd: 'Poke', timestamp, ...more })).toEqual([
        { tag: 3, evt: 'pinged', timestamp },
      ]);
    }
  });

  test('[SES10] revoking the token ends the session, which cannot be resumed', async () => {
    const { initialize, revocations, settle, events, deps, sent } = setUp();
    const [answer] = await initialize('amal');
    const handle = handleOf(answer);
    await revocations.revokeUid('amal');
    expect(await settle()).toEqual([{ evt: 'token-expired' }]);
    expect(events).toContain('close 1008');
    expect(deps.resumableSessions.claim(handle, 'amal')).toBeUndefined();
    await revocations.revokeUid('amal');
    expect(sent).toEqual([]);
  });

  test('[SES10] a token revoked while it is verified is refused', async () => {
    const pending: (() => void)[] = [];
    const { say, revocations, settle, events, activeTokens, platform } = setUp({
      verify: (token) =>
        new Promise((resolve) => {
          pending.push(() => resolve(verdict(token, platform.clock.now())));
        }),
    });
    await say({ tag: 1, cmd: 'initialize', accessToken: 'amal' });
    await revocations.revokeToken({ uid: 'amal', key: 'jamal', issuedAt: 0 }, undefined);
    for (const go of pending) go();
    expect((await settle()).at(-1)).toEqual({ evt: 'token-expired' });
    expect(events).toContain('close 1008');
    expect(activeTokens.size).toBe(0);
  });

  test('[RES4] [SES10] a dropped session is forgotten when its token is revoked', async () => {
    const { initialize, revocations, session, deps, activeTokens } = setUp();
    const [answer] = await initialize('amal');
    const handle = handleOf(answer);
    session.end({ isFinal: false });
    expect(activeTokens.size).toBe(1);
    await revocations.revokeUid('amal');
    expect(activeTokens.size).toBe(0);
    expect(deps.resumableSessions.claim(handle, 'amal')).toBeUndefined();
  });

  test('[SES10] the token expires on time, even in the far future', async () => {
    const { initialize, platform, events, sent } = setUp();
    const life = 2 ** 31 + 5 * hour;
    await initialize(`amal+${life}`);
    platform.advance(life - 1);
    expect([sent, events.includes('close 1008')]).toEqual([[], false]);
    platform.advance(1);
    expect([sent, events.includes('close 1008')]).toEqual([[{ evt: 'token-expired' }], true]);
  });

  test('[ENV2] a command is answered once, with its tag', async () => {
    const { initialize, say, settle, running } = setUp();
    await initialize('amal');
    expect(await say({ tag: 7, cmd: 'get', r: '/users/1' })).toEqual([]);
    running[0]?.end();
    expect(await settle()).toEqual([{ tag: 7, done: 'get' }]);
  });

  test('[ENV4] commands on one R are answered in order, others as they end', async () => {
    const { initialize, say, settle, running } = setUp();
    await initialize('amal');
    await say({ tag: 1, cmd: 'update', r: '/users/1' });
    await say({ tag: 2, cmd: 'update', r: '/users/1/' });
    await say({ tag: 3, cmd: 'get', r: '/users/1' });
    await say({ tag: 4, cmd: 'get', r: '/users/2' });
    const tags = () => running.map(({ request }) => request.tag);
    expect(tags()).toEqual([1, 2, 4]);
    running[1]?.end();
    running[2]?.end();
    expect(await settle()).toEqual([{ tag: 4, done: 'get' }]);
    running[0]?.end();
    expect((await settle()).map(({ tag }) => tag)).toEqual([1, 2]);
    expect(tags()).toEqual([1, 2, 4, 3]);
  });

  test('[ENV4] a refusal is sent in order, too', async () => {
    const { initialize, say, settle, running } = setUp();
    await initialize('amal');
    await say({ tag: 1, cmd: 'update', r: '/users/1' });
    expect(await say({ tag: 2, cmd: 'nonsense', r: '/users/1/' })).toEqual([]);
    expect(await say({ tag: 3, cmd: 'nonsense', r: '/users/2' })).toHaveLength(1);
    running[0]?.end();
    expect(await settle()).toEqual([
      { tag: 1, done: 'update' },
      { tag: 2, r: '/users/1', error: { code: 405, message: 'command.unknown' } },
    ]);
  });

  test('[ERR1] an error has the tag and the printed R', async () => {
    const { initialize, say, settle, running } = setUp();
    await initialize('amal');
    await say({ tag: 1, cmd: 'get', r: '/users/1/' });
    running[0]?.end(fail('object.gone'));
    expect(await settle()).toEqual([
      { tag: 1, r: '/users/1', error: { code: 410, message: 'object.gone' } },
    ]);
  });

  test('[ERR2] an unexpected error is a 500 with only an id', async () => {
    const { initialize, say, settle, running } = setUp();
    await initialize('amal');
    await say({ tag: 1, cmd: 'get' });
    running[0]?.end(new Error('select secret from /etc'));
    const [answer] = await settle();
    const error = { code: 500, message: 'internal.server.error', id: expect.any(String) };
    expect(answer).toEqual({ tag: 1, error });
  });

  test('[LIM2] it is busy with the maximum of commands until one is answered', async () => {
    const { session, initialize, say, settle, running, events } = setUp({ inFlight: 2 });
    await initialize('amal');
    await say({ tag: 1, cmd: 'get', r: '/users/1' });
    expect(session.busy).toBe(false);
    await say({ tag: 2, cmd: 'get', r: '/users/2' });
    expect(session.busy).toBe(true);
    events.length = 0;
    running[1]?.end();
    await settle();
    expect([session.busy, session.idle, events]).toEqual([false, false, ['proceed']]);
    running[0]?.end();
    await settle();
    expect(session.idle).toBe(true);
  });

  test('[LIM4] it is busy while output is not read, and while the responses in flight may be as much', async () => {
    const { session, socket, initialize, say, settle, running } = setUp();
    await initialize('amal');
    socket.congested = true;
    expect(session.busy).toBe(true);
    socket.congested = false;
    expect(session.busy).toBe(false);
    for (const [tag, cmd, bytes, busy] of [
      [1, 'read', 10, false],
      [2, 'get', 10, false],
      [3, 'update', 5000, false],
      [4, 'create', 900, false],
      [5, 'batch', 100, true],
    ] as const) {
      await say({ tag, cmd }, bytes);
      expect(session.busy, cmd).toBe(busy);
    }
    running[4]?.end();
    await settle();
    expect(session.busy).toBe(false);
  });

  test('[LIM5] commands over the rate of the uid are refused with 429', async () => {
    const { initialize, say, platform } = setUp({ perSecond: 3 });
    await initialize('amal');
    for (let tag = 0; tag < 3; tag++) expect(await say({ tag, cmd: 'ping' })).toHaveLength(1);
    const limited = { meta: { retryAfter: 1 }, error: { code: 429, message: 'rate.limited' } };
    expect(await say({ tag: 3, cmd: 'ping' })).toEqual([{ tag: 3, ...limited }]);
    expect(await say({ cmd: 'ping' })).toEqual([limited]);
    platform.advance(1000);
    expect(await say({ tag: 4, cmd: 'ping' })).toEqual([{ tag: 4, evt: 'pinged' }]);
  });

  test('[LIM28] refusals are sent at the rate of commands, then the client is not read any more', async () => {
    const { initialize, say, events } = setUp({ perSecond: 3 });
    await initialize('amal');
    for (let tag = 0; tag < 6; tag++) await say({ tag, cmd: 'ping' });
    expect(events).not.toContain('hold 1000');
    expect(await say({ tag: 6, cmd: 'ping' })).toMatchObject([{ tag: 6, error: { code: 429 } }]);
    expect(events).toContain('hold 1000');
  });

  test('[LIM43] a renewal counts its subscriptions and rooms, unless the token says the same', async () => {
    const { initialize, events } = setUp({ perSecond: 8 });
    const held = () => events.filter((event) => event.startsWith('hold'));
    for (let n = 0; n < 4; n++) await initialize(`amal+${hour + n}`);
    expect(held()).toEqual([]);
    for (const level of ['a', 'b', 'c']) await initialize(`amal+${hour}+${level}`);
    expect(held()).toEqual(['hold 500']);
  });

  test('[ENV2] a command that ends after its connection sends nothing and leaves nothing', async () => {
    const { session, initialize, say, settle, running, events } = setUp();
    await initialize('amal');
    await say({ tag: 1, cmd: 'subscribe', r: '/users/1' });
    session.end({ isFinal: false });
    session.end({ isFinal: false });
    expect(events.filter((event) => event === 'dropped')).toHaveLength(1);
    running[0]?.end();
    expect(await settle()).toEqual([]);
    expect(events.filter((event) => event === 'dropped')).toHaveLength(2);
  });

  test('[PSH6] pushes reach the socket while the session lasts', async () => {
    const { session, initialize, sent } = setUp();
    await initialize('amal');
    const push = encodeFrame('{"evt":"snapshot"}');
    session.push(push);
    session.onDrain();
    session.end({ isFinal: false });
    session.push(push);
    expect([sent, session.congested]).toEqual([[{ evt: 'snapshot' }], true]);
  });
});

test('[LIM44] objects read for subscriptions are paid for, and beyond the rate nothing more is pushed', async () => {
  const { session, socket, events, initialize, platform } = setUp();
  await initialize('u1');
  events.length = 0;
  expect(session.charge(4095)).toBeUndefined();
  expect(session.charge(10_000)).toBeUndefined();
  expect([events.splice(0), session.congested]).toEqual([['pay 5000'], false]);
  socket.roomAt = platform.clock.monotonic() + 1;
  let hasRoom = false;
  const room = session.charge(10_000)?.then(() => {
    hasRoom = true;
  });
  expect(session.charge(20_000)).toBeDefined();
  expect([session.congested, hasRoom]).toEqual([true, false]);
  session.onRateRecovered();
  await room;
  expect([session.congested, hasRoom, events]).toEqual([
    false,
    true,
    ['pay 5000', 'pay 10000', 'drained'],
  ]);
  // What other connections of its uid owe counts, too.
  events.length = 0;
  const paid = session.untilPaid();
  expect(paid).toBeDefined();
  expect(events).toEqual(['pay 0']);
  session.onRateRecovered();
  await paid;
  socket.roomAt = 0;
  expect(session.untilPaid()).toBeUndefined();
  socket.roomAt = platform.clock.monotonic() + 1;
  // A waiting message goes on when the socket closes.
  const last = session.charge(10_000);
  session.end({ isFinal: true });
  await last;
  events.length = 0;
  expect(session.charge(10_000)).toBeUndefined();
  expect(events).toEqual(['pay 5000']);
});

test('[LIM37] commands that wait and only read end with their connection, writes go on', async () => {
  const { session, socket, running, say, settle, initialize, deps, platform } = setUp();
  await initialize('u1');
  socket.roomAt = platform.clock.monotonic() + 1;
  // Each waits for the one before; the first one for the rate.
  for (const cmd of ['get', 'update', 'get']) await say({ tag: 1, cmd, r: '/a/1' });
  const waiting = () => [running.map(({ request }) => request.cmd), deps.pricedResponses.queued];
  expect(waiting()).toEqual([[], 1]);
  session.end({ isFinal: true });
  expect(waiting()).toEqual([['update'], 0]);
  running[0]?.end();
  await settle();
  expect(waiting()).toEqual([['update'], 0]);
  expect(session.idle).toBe(true);
});
