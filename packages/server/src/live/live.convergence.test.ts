import type { Auth, FieldOp, JsonObject, JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pushView } from '../model/view/view.js';
import type { CommittedChange, StoredObject } from '../store/stored-object.js';
import { FakeClient, userFields as fields } from './fake-client.fixture.js';
import {
  itemOf,
  type LiveSetup,
  modelOf,
  readsAll,
  rule,
  settle,
  setUpLive,
} from './live.fixture.js';

/**
 * Concurrent writers, clients that come and go, and a bus that loses, repeats and reorders: a
 * client that applies its pushes always ends with the visible part of what is stored.
 */

const rs = ['/users/1', '/users/2', '/users/3'];
const fieldChoices = [undefined, ['a'], ['a', 'b'], ['secret'], ['list', 'secret', 'open']];

/** A step; the meaning of the numbers depends on the kind. */
interface Step {
  readonly kind: (typeof kinds)[number];
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

const kinds = [
  ...[
    'write',
    'write',
    'write',
    'write',
    'write',
    'write',
    'write',
    'write',
    'rights',
    'rights',
    'create',
    'remove',
  ],
  ...['subscribe', 'subscribe', 'start', 'narrow', 'reconnect', 'renew', 'listen'],
  ...['congest', 'drain', 'hold', 'leak', 'release', 'settle', 'settle'],
] as const;

interface World {
  readonly on: LiveSetup;
  readonly clients: FakeClient[];
  readonly pending: (() => void)[];
  /** The created objects, and whether everybody could see them all the time. */
  readonly open: Map<string, boolean>;
  created: number;
}

interface Variant {
  readonly asynchronous: boolean;
  readonly history: number;
  readonly hook: boolean;
  readonly isHurried?: boolean;
}

function modelFor({ asynchronous, history, hook }: Variant) {
  const wrap = <T>(value: T): T | Promise<T> => (asynchronous ? Promise.resolve(value) : value);
  const read = rule(({ obj, auth }) => wrap(obj.blocked !== auth.uid), readsAll);
  const hides = (obj: JsonObject, auth: Auth) => obj.open !== true && auth.data?.admin !== true;
  return modelOf({
    fields,
    history,
    read,
    preGetReads: readsAll,
    ...(hook && { preGet: ({ obj, auth }) => wrap(hides(obj, auth) ? ['secret'] : []) }),
  });
}

const isDead = (object: StoredObject | undefined) => !object || object.deleted;

const steps: Record<Step['kind'], (world: World, step: Step) => Promise<unknown> | unknown> = {
  async write({ on }, { x, y, z }) {
    const r = pick(rs, x);
    if (isDead(await on.store.get(r))) return;
    await on.update(r, ...opsOf(y, z));
  },
  async rights({ on, open }, { x, y, z }) {
    const r = pick(rs, x);
    if (isDead(await on.store.get(r))) return;
    const blocked = pick(['u1', 'u2', null, null], z);
    if (blocked) open.set(r, false);
    await on.set(r, y % 2 === 0 ? { open: z % 3 === 0 } : { blocked });
  },
  async create({ on, open, created }, { x }) {
    const r = rs.find((candidate) => !open.has(candidate)) ?? `/users/n${created}`;
    open.set(r, true);
    await on.create(r, { a: x, secret: x, open: x % 2 === 0 });
  },
  async remove({ on, open }, { x, y }) {
    const r = pick(rs, x);
    if (y % 4 > 0 || isDead(await on.store.get(r))) return;
    open.set(r, false);
    await on.remove(r);
  },
  async subscribe(world, { x, y, z }) {
    const client = pick(world.clients, x);
    const r = pick(rs, y);
    const wanted = pick(fieldChoices, z);
    if (z % 7 === 0) await listenTo(world, client);
    else await subscribeTo(world, client, r, wanted);
    if (x % 3 > 0) steps.start(world, noStep);
  },
  start({ pending }) {
    for (const start of pending.splice(0)) start();
  },
  narrow({ on, clients, pending }, { x, y, z }) {
    const client = pick(clients, x);
    const r = pick(rs, y);
    client.receive();
    if (!client.subscribed.has(r) || pending.length > 0) return;
    const removed = pick(fieldChoices, z);
    const remaining = (client.subscribed.get(r) ?? fields).filter(
      (name) => !removed?.includes(name),
    );
    const ended = on.unsubscribe(client.connection, { r, ...(removed && { fields: removed }) });
    if (removed === undefined || remaining.length === 0) {
      expect(ended).toEqual([r]);
      client.subscribed.delete(r);
    } else {
      client.narrowed(r, remaining);
    }
  },
  async reconnect(world, { x, y }) {
    const client = pick(world.clients, x);
    steps.start(world, noStep);
    client.receive();
    const previous = [...client.subscribed];
    world.on.live.drop(client.connection);
    client.connection = new FakeClient(client.connection.auth).connection;
    client.subscribed.clear();
    if (y % 2 === 0)
      for (const [r, wanted] of previous) await subscribeTo(world, client, r, wanted);
    if (client.listening) await listenTo(world, client);
  },
  renew({ on, clients }, { x, y }) {
    const client = pick(clients, x);
    client.connection.auth = { uid: client.uid, data: { admin: y % 2 === 0 } };
    on.live.authChanged(client.connection);
  },
  listen({ clients }, { x }) {
    pick(clients, x).receive();
  },
  congest({ clients }, { x }) {
    pick(clients, x).connection.congested = true;
  },
  drain({ on, clients }, { x }) {
    const { connection } = pick(clients, x);
    connection.congested = false;
    on.live.onDrain(connection);
  },
  hold({ on }) {
    on.bus.held ??= [];
  },
  /** Delivers some held changes out of order, perhaps twice. */
  leak({ on }, { x, y, z }) {
    const held = on.bus.held ?? [];
    for (const index of [x, y, z, x]) {
      const change = held[index % Math.max(1, held.length)];
      if (change) on.bus.deliver(change);
    }
  },
  /** Loses the rest. */
  release({ on }) {
    on.bus.held = undefined;
  },
  settle,
};

const noStep: Step = { kind: 'start', x: 0, y: 0, z: 0 };

async function subscribeTo(
  { on, pending }: World,
  client: FakeClient,
  r: string,
  wanted: readonly string[] | undefined,
): Promise<void> {
  client.receive();
  const { rev, view } = (client.subscribed.has(r) ? undefined : client.cursorOf(r, wanted)) ?? {};
  const item = itemOf({ r, rev, view, fields: wanted });
  const { subscriptions, start } = await on.live.subscribe(client.connection, [item]);
  // These came before the response. Its earlier subscription may have ended with one of them.
  client.receive();
  pending.push(start);
  const [subscribed] = subscriptions;
  if (!subscribed) return;
  client.views.set(r, subscribed.view);
  if (client.subscribed.has(r)) client.widened(r, wanted);
  else client.began(r, { wanted, rev });
}

async function listenTo(world: World, client: FakeClient): Promise<void> {
  const { on, pending, open } = world;
  client.receive();
  // It starts now: existing objects are not sent.
  if (client.pos === undefined) client.earlier = new Set(open.keys());
  const item = itemOf({ r: '/users', pos: client.pos });
  const { failures, start } = await on.live.subscribe(client.connection, [item]);
  if (failures.length > 0) {
    // Its rights changed, so its position is invalid: a client would read again.
    client.pos = undefined;
    await listenTo(world, client);
    return;
  }
  client.listening = true;
  pending.push(start);
}

function opsOf(y: number, z: number): FieldOp[] {
  const value: JsonValue = z;
  const ops: FieldOp[] = [
    { op: 'set', key: 'a', value },
    { op: 'set', key: 'b', value: z % 3 === 0 ? null : z },
    { op: 'push', key: 'list', value: [z, 'x'] },
    { op: 'pull', key: 'list', value: z },
    { op: 'set', key: 'secret', value },
    { op: 'addNumber', key: 'secret', value },
  ];
  const first = pick(ops, y);
  return y % 5 === 0 ? [first, pick(ops, z)] : [first];
}

/** After everything was delivered, each client has what is stored. */
async function check(world: World, variant: Variant): Promise<void> {
  const { on, clients, open } = world;
  const model = modelFor(variant);
  steps.start(world, noStep);
  on.bus.held = undefined;
  for (const client of clients) {
    client.connection.congested = false;
    on.live.onDrain(client.connection);
  }
  await on.live.resync();
  await on.live.settled();
  await settle();
  let subscribed = 0;
  for (const client of clients) {
    client.receive();
    subscribed += client.subscribed.size + (client.listening ? 1 : 0);
    for (const [r, wanted] of client.subscribed) {
      const object = await on.store.get(r);
      if (!object || object.deleted)
        throw new Error(`${r} is gone, and ${client.uid} does not know`);
      const view = await pushView(model, object, client.connection.auth);
      if (view.kind === 'refused') throw new Error(`${client.uid} may not see ${r} any more`);
      const copy = client.copies.get(r);
      const seen = (wanted ?? fields).filter((name) => !view.hidden.includes(name));
      const only = (data: JsonObject | undefined) => {
        return Object.fromEntries(Object.entries(data ?? {}).filter(([key]) => seen.includes(key)));
      };
      expect(only(copy?.data), `${client.uid} ${r}`).toEqual(only(object.data));
    }
    if (!client.listening) continue;
    expect(new Set(client.created).size, 'none twice').toBe(client.created.length);
    const received = new Set([...client.earlier, ...client.created]);
    const missed = [...open].filter(([r, always]) => always && !received.has(r));
    expect(missed, `${client.uid} has missed creations`).toEqual([]);
  }
  expect(on.live.counts().subscriptions).toBe(subscribed);
  for (const client of clients) on.live.drop(client.connection);
  await on.live.settled();
  expect(on.live.counts()).toMatchObject({ connections: 0, objectTopics: 0, collectionTopics: 0 });
}

/**
 * Computes from the published changes the last revision before another that changed any of these
 * fields.
 */
function logOf(on: LiveSetup) {
  const changes: CommittedChange[] = [];
  const publish = on.bus.publish.bind(on.bus);
  on.bus.publish = (some) => {
    changes.push(...some);
    publish(some);
  };
  return (r: string, before: number, some: readonly string[] | undefined): number => {
    const touching = changes.filter((change) => {
      const touched = Object.keys(change.touched);
      const isSeen = touched.some((field) => some?.includes(field) ?? true);
      return change.r === r && change.rev < before && isSeen;
    });
    return Math.max(1, ...touching.map(({ rev }) => rev));
  };
}

async function run(
  variant: Variant,
  script: readonly Step[],
  totals: Map<string, number>,
): Promise<void> {
  const on = await setUpLive({
    models: [modelFor(variant)],
    isHurried: variant.isHurried ?? false,
  });
  const clients = ['u1', 'u1', 'u2', 'u3'].map((uid) => new FakeClient({ uid }));
  const log = logOf(on);
  for (const client of clients) {
    client.previous = (r, rev, some) => {
      // The log does not know what was hidden when.
      const isKnown = !variant.hook || (some !== undefined && !some.includes('secret'));
      return isKnown ? log(r, rev, some) : undefined;
    };
  }
  const world: World = { on, clients, pending: [], open: new Map(), created: 0 };
  for (const step of [{ ...noStep, kind: 'create' as const }, ...script]) {
    await steps[step.kind](world, step);
    world.created += 1;
  }
  await check(world, variant);
  for (const [name, count] of on.counts.values) {
    totals.set(name, (totals.get(name) ?? 0) + count);
  }
}

const scripts = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    x: fc.nat(11),
    y: fc.nat(29),
    z: fc.nat(29),
  }),
  { minLength: 1, maxLength: 150 },
);

/** Code paths that the runs of a variant must have covered to prove anything. */
function pathsOf({ hook, history }: Variant): string[] {
  const reasons = ['first', 'widened', 'conflated', hook && 'rights', history < 10 && 'history'];
  return [
    ...['updated', 'snapshot', 'deleted', 'failed', 'created'].map((evt) => `pushes_total ${evt}`),
    ...reasons.filter((reason) => reason !== false).map((reason) => `snapshots_total ${reason}`),
    ...['gaps_filled_total', 'subscription_pauses_total'],
  ];
}

test.each([
  { asynchronous: false, history: 1000, hook: false },
  { asynchronous: false, history: 1000, hook: true },
  { asynchronous: false, history: 4, hook: true },
  { asynchronous: true, history: 1000, hook: true },
  { asynchronous: true, history: 4, hook: false },
  { asynchronous: false, history: 1000, hook: false, isHurried: true },
  { asynchronous: false, history: 4, hook: true, isHurried: true },
  { asynchronous: true, history: 1000, hook: true, isHurried: true },
])('[PSH9] [SUB7] [DUR4] [LIM42] [LIM43] clients end with what is stored: %o', async (variant) => {
  const totals = new Map<string, number>();
  const property = fc.asyncProperty(scripts, (script) => run(variant, script, totals));
  const untouchedPaths = () => {
    return pathsOf(variant).filter((name) => !totals.has(`really_${name}`));
  };
  await fc.assert(property, { numRuns: 60 });
  // They may have missed a path: more of them.
  for (let more = 0; more < 5 && untouchedPaths().length > 0; more++) {
    await fc.assert(property, { numRuns: 60 });
  }
  const untouched = untouchedPaths();
  expect(untouched, JSON.stringify([...totals])).toEqual([]);
});

function pick<T>(from: readonly T[], index: number): T {
  return from[index % from.length] as T;
}
