import { costOfSubscriptions, type JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { modelOf, modelSet } from '../../live/live.fixture.js';
import { encodeFrame } from '../../live/push/frame.js';
import type { ResumableSubscription } from '../../live/resume/resumable-subscription.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { appDeps } from '../app-deps.js';
import { noRates, testOptions } from '../gateway.fixture.js';
import { NodeCount } from '../limits/connection-count.js';
import { OutputTotal } from '../limits/output-total.js';
import type { GatewayLive, GatewayOptions } from '../options.js';
import { PushBuffer } from '../resume/push-buffer.js';
import { resumeBacklog } from '../resume/resume-backlog.js';
import { Session } from './session.js';

const view = 'v'.repeat(16);
const model = modelOf();
const models = modelSet(model);
const subscriptions = Array.from({ length: 10_000 }, (_, n): ResumableSubscription => {
  return { kind: 'item', item: { r: `/users/${n}`, rev: 1 }, model, view };
});

/** Sessions of one user, each with ten thousand subscriptions. */
function setUp() {
  const platform = simulatedPlatform({ seed: 1 });
  const { options } = testOptions({
    platform,
    limits: { inFlight: 8, outputBuffer: 1000, object: 1000, resumePushes: 4, resumeBytes: 1000 },
    config: { rates: { ...noRates, commands: 1000 } },
  });
  const seen = {
    ...{ views: 0, resumes: 0, rightsTime: 0, released: 0, view, paidBy: 'nobody' },
    duringResume: () => {},
    duringCheck: () => {},
  };
  const live: GatewayLive = {
    ...options.live,
    get rightsTime() {
      return seen.rightsTime;
    },
    viewOf: () => {
      seen.views += 1;
      seen.duringCheck();
      return seen.view;
    },
    park: () => subscriptions,
    releaseParked: () => {
      seen.released += 1;
    },
    resume: async () => {
      seen.resumes += 1;
      seen.duringResume();
      return () => {};
    },
  };
  const tokens: GatewayOptions['tokens'] = {
    mint: async () => '',
    verify: async () => {
      const token = { uid: 'u', key: 'j', issuedAt: 0 };
      return { ok: true, auth: { uid: 'u' }, token, expires: undefined };
    },
  };
  const { budgets } = options;
  const deps = appDeps(
    { ...options, live, tokens, models: () => models },
    {
      node: new NodeCount(1),
      output: new OutputTotal({ limit: 1e9, time: 1e9, budgets, platform }),
      ...{ draining: () => false, alone: true },
    },
  );
  const settle = async () => {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const connect = async (handle?: string) => {
    const sent: JsonObject[] = [];
    const closed: number[] = [];
    const session = new Session(deps, {
      ...{ address: '10.0.0.1', congested: false, roomAt: 0 },
      send: (frame) => sent.push(JSON.parse(frame.subarray(frame[1] === 126 ? 4 : 2).toString())),
      close: (code) => void closed.push(code),
      sendEphemeral: () => true,
      ...{ watchLife() {}, proceed() {}, pay() {}, pauseFor() {} },
      onAuthenticated: (uid) => {
        seen.paidBy = uid;
      },
    });
    const resume = handle === undefined ? {} : { 'connection-handle': handle, received: 0 };
    session.handle({ tag: 1, cmd: 'initialize', accessToken: 'u', ...resume }, 0);
    await settle();
    return { session, sent, closed, body: () => sent[0]?.body as JsonObject | undefined };
  };
  /** The handle of a session that ended, after it was sent something. */
  const dropped = async () => {
    const { session, body } = await connect();
    session.push(encodeFrame('{"evt":"snapshot"}'));
    session.end({ isFinal: false });
    return String(body()?.['connection-handle']);
  };
  return { platform, deps, seen, connect, dropped, settle };
}

test('[LIM43] who resumes many subscriptions again and again waits until the rate allows it', async () => {
  const { platform, seen, connect, dropped, settle } = setUp();
  for (let n = 0; n < 2; n++) await connect(await dropped());
  expect(seen.resumes).toBe(2);
  const { body } = await connect(await dropped());
  platform.advance(499);
  await settle();
  expect([seen.resumes, body()]).toEqual([2, undefined]);
  platform.advance(1);
  await settle();
  expect([seen.resumes, body()?.resumed]).toEqual([3, true]);
});

test('[LIM43] whether earlier pushes may be sent is decided in small steps', () => {
  const sent = new PushBuffer({ resumePushes: 4, resumeBytes: 1000 });
  const { length } = subscriptions;
  for (let n = 0; n < 2; n++) {
    // The second time the buffer does not reach back.
    expect([...resumeBacklog({ sent, subscriptions }, 0, () => true)]).toHaveLength(length);
    for (let push = 0; push < 10; push++) sent.add({ bytes: Buffer.alloc(1) });
  }
});

test('[RES2] [LIM43] rights that may have changed during a resume are looked at once more', async () => {
  const { seen, connect, dropped } = setUp();
  await connect(await dropped());
  expect(seen.views).toBe(subscriptions.length);
  seen.views = 0;
  seen.duringResume = () => {
    seen.rightsTime += 1;
  };
  const { body } = await connect(await dropped());
  expect([seen.views, body()?.resumed]).toEqual([2 * subscriptions.length, true]);
});

test('[RES5] a resume whose rights are lost meanwhile is cut off, with nothing sent', async () => {
  const { seen, connect, dropped } = setUp();
  seen.duringResume = () => {
    seen.rightsTime += 1;
    seen.view = 'w'.repeat(16);
  };
  const { sent, closed } = await connect(await dropped());
  expect([sent, closed]).toEqual([[], [1013]]);
});

test('[RES2] rights that change all the time, but not those of the client, end no resume', async () => {
  const { seen, connect, dropped } = setUp();
  seen.duringResume = () => {
    seen.rightsTime += 1;
  };
  seen.duringCheck = () => {
    if (seen.resumes > 0 && seen.views % subscriptions.length === 1) seen.rightsTime += 1;
  };
  const { body, closed } = await connect(await dropped());
  expect([body()?.resumed, closed]).toEqual([true, []]);
  expect(seen.views).toBe(6 * subscriptions.length);
});

test('[LIM44] what a resume reads is paid by the uid', async () => {
  const { seen, connect, dropped } = setUp();
  const handle = await dropped();
  seen.paidBy = 'nobody';
  let paidBy = '';
  seen.duringResume = () => {
    paidBy = seen.paidBy;
  };
  await connect(handle);
  expect(paidBy).toBe('u');
});

test('[RES2] a client that drops while its resume waits for the rate can resume once more', async () => {
  const { platform, seen, connect, dropped, settle } = setUp();
  for (let n = 0; n < 2; n++) await connect(await dropped());
  const handle = await dropped();
  const { session } = await connect(handle);
  session.end({ isFinal: false });
  platform.advance(60_000);
  await settle();
  expect(seen.resumes).toBe(2);
  const { body } = await connect(handle);
  expect([seen.resumes, body()?.resumed]).toEqual([3, true]);
});

test('[LIM43] a client that drops again and again while its resume waits does not wait longer for that', async () => {
  const { platform, seen, connect, dropped, settle } = setUp();
  for (let n = 0; n < 2; n++) await connect(await dropped());
  const handle = await dropped();
  for (let n = 0; n < 5; n++) {
    const { session } = await connect(handle);
    session.end({ isFinal: false });
    await settle();
  }
  const { body } = await connect(handle);
  expect([seen.resumes, body()]).toEqual([2, undefined]);
  platform.advance(500);
  await settle();
  expect([seen.resumes, body()?.resumed]).toEqual([3, true]);
});

/** A resume that waits for the rate. */
async function waiting(world: ReturnType<typeof setUp>) {
  const { connect, dropped } = world;
  for (let n = 0; n < 2; n++) await connect(await dropped());
  world.seen.released = 0;
  const handle = await dropped();
  const { pending } = world.platform;
  return { handle, before: pending, first: await connect(handle) };
}

test('[LIM38] while a resume waits for the rate, its session counts, and nobody else gets it', async () => {
  const world = setUp();
  const { handle, before, first } = await waiting(world);
  const { resumable } = world.deps;
  expect([resumable.size, world.seen.released]).toEqual([1, 0]);
  const other = await world.connect(handle);
  expect(other.body()?.resumed).toBe(false);
  first.session.end({ isFinal: false });
  await world.settle();
  // Its timer is gone with it, and it was not parked a second time.
  expect([resumable.size, world.seen.released]).toEqual([1, 0]);
  expect(world.platform.pending).toBeLessThanOrEqual(before);
  world.platform.advance(60_000);
  const again = await world.connect(handle);
  expect([again.body()?.resumed, resumable.size, world.seen.released]).toEqual([true, 0, 1]);
});

test('[LIM38] [LIM43] a session that is dropped while its resume waits is not resumed, and costs nothing', async () => {
  const world = setUp();
  const { first } = await waiting(world);
  world.deps.resumableSessions.close();
  expect(world.seen.released).toBe(1);
  world.platform.advance(500);
  await world.settle();
  expect([first.body()?.resumed, world.seen.released]).toEqual([false, 1]);
  const commands = costOfSubscriptions(subscriptions.length);
  expect(world.deps.rates.renewed('10.0.0.1', 'u', commands)).toBe(0);
});
