import { applyDelta, type Delta, type JsonObject, type JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type TestApp, type TestConnection, testApp } from './test-app.fixture.js';

/**
 * Version `v` of a model whose evolutions each add a million to `a`, so that an object shows how
 * many of them it has been through. `born` is the version under which it was created.
 */
function filesOf(v: number): Record<string, string> {
  const files: Record<string, string> = {
    things: `version: ${v}
fields:
  base: { type: Long, required: true, index: true }
  a: { type: Long, required: true }
  v: { type: Long, default: ${v} }
  born: { type: Long, default: ${v} }
  sum: { type: Calculated, valueType: Long, dependsOn: 'base, a', value: 'this.base + this.a' }
`,
  };
  for (let to = 2; to <= v; to++) {
    files[`things/evolution-${to}.js`] = `return { ...obj, a: obj.a + 1000000, v: ${to} };`;
  }
  return files;
}

/**
 * Asserts that an object, or a client's copy, has been through exactly the evolutions that it
 * should have.
 */
function assertWhole(body: JsonObject): void {
  const { base, a, v, born, sum } = body as Record<string, number>;
  const expected = Number(base) + 1_000_000 * (Number(v) - Number(born));
  if (a !== expected || sum !== Number(base) + expected) {
    throw new Error(`not of one version: ${JSON.stringify(body)}`);
  }
}

/** A client that keeps copies of one object and of one window, as the protocol describes. */
class Copies {
  readonly connection: TestConnection;
  readonly window = new Map<string, JsonObject>();
  object: JsonObject | undefined;
  subscription: JsonValue | undefined;
  schemaUpdates = 0;

  constructor(connection: TestConnection) {
    this.connection = connection;
  }

  listen(): void {
    for (const push of this.connection.pushes.splice(0)) this.#take(push);
  }

  #take(push: JsonObject): void {
    const { evt, r, rev, body } = push;
    const meta = (push.meta ?? {}) as JsonObject;
    if (evt === 'schemaUpdated') {
      this.schemaUpdates += 1;
      return;
    }
    if (meta.subscription !== undefined) this.#takeOfWindow(String(evt), push);
    else if (evt === 'snapshot') this.object = body as JsonObject;
    else if (evt === 'updated') this.object = updated(this.object, rev as number, body as never);
    else throw new Error(`${String(evt)} of ${String(r)} was not asked for`);
    if (this.object) assertWhole(this.object);
  }

  #takeOfWindow(evt: string, { r, rev, body }: JsonObject): void {
    const full = body as JsonObject;
    switch (evt) {
      case 'created':
      case 'entered':
        this.window.set(String(full._r), full);
        break;
      case 'snapshot':
        this.window.set(String(r), full);
        break;
      case 'updated':
        this.window.set(
          String(r),
          updated(this.window.get(String(r)), rev as number, body as never),
        );
        break;
      case 'left':
        this.window.delete(String(r));
        break;
      default:
        throw new Error(`${evt} of a window`);
    }
    const now = this.window.get(String(r));
    if (now) assertWhole(now);
  }
}

function updated(copy: JsonObject | undefined, rev: number, delta: Delta): JsonObject {
  if (!copy) throw new Error('an update of nothing');
  if (rev !== Number(copy._rev) + 1) throw new Error(`${rev} after ${String(copy._rev)}`);
  return { ...applyDelta(copy, delta), _rev: rev };
}

const auth = { uid: 'u' };
const ids = 4;
const readWindow = { cmd: 'read', r: '/things', cmdOpts: { sort: '-base', limit: 3 } };

type Step =
  | { readonly kind: 'create' | 'get' | 'read' | 'count'; readonly id: number; readonly n: number }
  | { readonly kind: 'add'; readonly id: number; readonly n: number }
  | { readonly kind: 'reload' }
  | { readonly kind: 'watch'; readonly id: number }
  | { readonly kind: 'wait' };

const id = fc.integer({ min: 1, max: ids });
const n = fc.integer({ min: 1, max: 50 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('create' as const), id, n }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), id, n }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('get' as const, 'read', 'count'), id, n }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'reload' }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('watch' as const), id }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'wait' }) },
);

/** What the steps have asked for so far; not all of it may be answered. */
class Story {
  readonly app: TestApp;
  readonly #clients: Copies[] = [];
  readonly #underWay: Promise<unknown>[] = [];
  #version = 1;

  constructor(app: TestApp) {
    this.app = app;
  }

  take(step: Step): Promise<void> | undefined {
    switch (step.kind) {
      case 'wait':
        return this.#settle();
      case 'reload':
        this.#version += 1;
        return this.#reload();
      case 'watch':
        return void this.#begin(this.#watch(step.id));
      default:
        return void this.#begin(this.#send(step));
    }
  }

  async end(): Promise<void> {
    await this.#settle();
    const { body } = await this.app.send(auth, { cmd: 'read', r: '/things' });
    const items = itemsOf(body);
    for (const item of items) {
      assertWhole(item);
      expect(item.v).toBe(this.#version);
      const got = await this.app.send(auth, { cmd: 'get', r: String(item._r) });
      expect(got.body).toEqual(item);
      const { entries } = await this.app.store.history(String(item._r), 0, 1000);
      expect(entries.map(({ rev }) => rev)).toEqual(entries.map((_, index) => index + 1));
    }
    const window = itemsOf((await this.app.send(auth, readWindow)).body);
    for (const client of this.#clients) {
      const { object } = client;
      if (object) expect(object).toEqual(items.find(({ _r }) => _r === object._r));
      expect([...client.window.values()].sort(byBase)).toEqual([...window].sort(byBase));
    }
  }

  /** Reads the files first, so that the steps that follow run during the change itself. */
  async #reload(): Promise<void> {
    const makeCurrent = await this.app.reload(filesOf(this.#version));
    this.#begin(makeCurrent());
  }

  #begin(work: Promise<unknown>): void {
    this.#underWay.push(work);
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#underWay.splice(0));
    await this.app.services.objects.drain();
    await this.app.services.live.settled();
    for (const client of this.#clients) client.listen();
  }

  async #send({ kind, id: number, n: amount }: Extract<Step, { n: number }>): Promise<void> {
    const r = `/things/${number}`;
    const add = (key: string) => ({ op: 'addNumber', key, value: amount });
    const messages: Record<string, JsonObject> = {
      create: { cmd: 'create', r, body: { base: amount, a: amount } },
      add: { cmd: 'update', r, rev: 1, body: { ops: [add('base'), add('a')] } },
      get: { cmd: 'get', r },
      read: { cmd: 'read', r: '/things', cmdOpts: { query: { filter: 'base > 0' } } },
      count: {
        cmd: 'count',
        r: '/things',
        cmdOpts: { query: { filter: 'a >= 1000000 and v = 1' } },
      },
    };
    const { body, error } = await this.app.send(auth, messages[kind] as JsonObject);
    const known = ['object.missing', 'object.already.exist'];
    if (error) expect(known).toContain((error as JsonObject).message);
    else if (kind === 'get' || kind === 'create') assertWhole(body as JsonObject);
    // Under no version has an object without evolutions another `a`.
    else if (kind === 'count') expect((body as JsonObject).totalResults).toBe(0);
    else if (kind === 'read') for (const item of itemsOf(body)) assertWhole(item);
  }

  /** A client that subscribes to an object, if it exists, and to a window. */
  async #watch(number: number): Promise<void> {
    const client = new Copies(this.app.connect(auth));
    this.#clients.push(client);
    const item = { r: `/things/${number}` };
    await client.connection.send({ cmd: 'subscribe', body: { subscriptions: [item] } });
    const cmdOpts = { ...readWindow.cmdOpts, subscribe: true };
    const { meta, body, error } = await client.connection.send({ ...readWindow, cmdOpts });
    expect(error).toBeUndefined();
    client.subscription = (meta as JsonObject).subscription;
    for (const step of itemsOf(body)) client.window.set(String(step._r), step);
  }
}

function itemsOf(body: JsonValue | undefined): JsonObject[] {
  const { items } = body as unknown as { items: { body: JsonObject }[] };
  return items.map((item) => item.body);
}

function byBase(a: JsonObject, b: JsonObject): number {
  return String(a._r).localeCompare(String(b._r));
}

test('[MIG1] [MIG5] [REL2] [REL3] whatever happens while models change, every client has the stored data, of one version', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const app = await testApp({ models: filesOf(1) });
      try {
        const story = new Story(app);
        for (const step of steps) await story.take(step);
        await story.end();
      } finally {
        await app.close();
      }
    }),
    { numRuns: 150 },
  );
});
