import { bindRql, parseRql } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  FakeConnection,
  itemOf,
  type LiveSetup,
  modelOf,
  type ReceivedPush,
  readsAll,
  rule,
  setUpLive,
} from '../live.fixture.js';

/**
 * Changes of a window that many share are pushed over several turns of the event loop. Whatever its
 * subscribers do meanwhile, each that applies its pushes ends with what the query answers.
 */

const scope = { names: ['users'], parents: [] };
const order = { keys: [{ field: 'a', descending: false }] };
const filter = bindRql(parseRql('a >= 0'), {});
const ids = ['1', '2', '3', '4', '5', '6', '7', '8'];
const read = rule(({ obj, auth }) => obj.b !== 'secret' || auth.data?.admin === true, readsAll);

class Client {
  connection = new FakeConnection({ uid: 'u' });
  readonly rows = new Map<string, number>();
  key = '';
  limit: number;
  /** After that an object may be sent as entered again. */
  #wasAway = false;
  #start: (() => void) | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  async read({ live }: LiveSetup): Promise<void> {
    const { limit } = this;
    const request = { r: '/users/*', scope, order, filter, limit };
    const { hits, subscription, start } = await live.subscribeQuery(this.connection, request);
    this.key = subscription;
    for (const { object } of hits) this.rows.set(object.r, object.rev);
    this.#start = start;
  }

  begin(): void {
    this.#start?.();
    this.#start = undefined;
  }

  async resume({ live }: LiveSetup): Promise<void> {
    this.begin();
    const resumable = live.park(this.connection);
    this.receive();
    this.connection = new FakeConnection(this.connection.auth);
    this.#wasAway = true;
    const begin = await live.resume(this.connection, resumable);
    live.releaseParked(resumable);
    begin();
  }

  receive(): void {
    for (const push of this.connection.received()) this.#apply(push);
  }

  #apply({ evt, r: named, rev = 0, body, meta, error }: ReceivedPush): void {
    const r = evt === 'created' || evt === 'entered' ? String(body?._r) : named;
    const known = this.rows.get(r);
    const where = `${evt} ${r} ${rev} ${known} ${JSON.stringify(error)}`;
    if (evt === 'left') {
      if (!this.#wasAway) expect(known, where).toBeDefined();
      this.rows.delete(r);
    } else if (evt === 'updated') {
      expect(rev, where).toBeGreaterThan(known ?? Number.POSITIVE_INFINITY);
      expect(meta?.prev ?? rev - 1, where).toBeLessThanOrEqual(known ?? 0);
      this.rows.set(r, rev);
    } else {
      expect(['created', 'entered', 'snapshot'], where).toContain(evt);
      if (evt === 'snapshot') expect(rev, where).toBeGreaterThanOrEqual(known ?? rev + 1);
      else if (!this.#wasAway) expect(known, where).toBeUndefined();
      this.rows.set(r, Number(body?._rev));
    }
  }
}

type Script = [string, number, number][];

/** What it found. */
const found: Script[] = [
  [
    ...[0, 9, 2, 35].map((x): Script[number] => ['write', 0, x]),
    ['renew', 7, 3],
    ...Array.from({ length: 6 }, (): Script[number] => ['turn', 0, 0]),
    ['renew', 0, 9],
    ['raise', 2, 0],
    ['raise', 0, 0],
  ],
];

const turn = () => new Promise((resolve) => setImmediate(resolve));

type Act = (on: LiveSetup, clients: Client[], client: Client, x: number) => unknown;

const acts: Record<string, Act> = {
  async write({ store, ...on }, _, __, x) {
    const r = `/users/${ids[x % ids.length]}`;
    const object = await store.get(r);
    const data = { a: (x % 13) - 2, b: x % 5 === 0 ? 'secret' : 'open' };
    if (!object) await on.create(r, data);
    else if (!object.deleted) await on.set(r, data);
  },
  async remove({ store, remove }, _, __, x) {
    const r = `/users/${ids[x % ids.length]}`;
    const object = await store.get(r);
    if (x % 3 === 0 && object && !object.deleted) await remove(r);
  },
  turn,
  congest: (_, __, { connection }) => {
    connection.congested = true;
  },
  drain: ({ live }, _, { connection }) => {
    connection.congested = false;
    live.onDrain(connection);
  },
  leave: ({ live }, clients, client) => {
    live.drop(client.connection);
    clients.splice(clients.indexOf(client), 1);
  },
  async join(on, clients, _, x) {
    const client = new Client(x % 2 === 0 ? 3 : 5);
    await client.read(on);
    clients.push(client);
  },
  begin: (_, __, client) => client.begin(),
  async raise({ live }, _, client) {
    client.begin();
    if (client.limit > 3 || client.connection.congested) return;
    client.limit = 5;
    const { start } = await live.subscribe(client.connection, [
      itemOf({ r: client.key, limit: client.limit }),
    ]);
    start();
  },
  renew: ({ live }, _, { connection }, x) => {
    connection.auth = { uid: 'u', data: { admin: x % 2 === 0 } };
    live.authChanged(connection);
  },
  resume: (on, _, client) => client.resume(on),
};

const story = fc.array(
  fc.tuple(
    fc.constantFrom('write', 'write', 'write', 'write', 'turn', 'turn', ...Object.keys(acts)),
    fc.nat(10),
    fc.nat(59),
  ),
  { maxLength: 60 },
);

test('[LIM42] [QRY7] whatever happens while a change of a window is pushed, each receives it once', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (script) => {
      const on = await setUpLive({ models: [modelOf({ read })], isHurried: true });
      const clients = Array.from({ length: 6 }, (_, n) => new Client(n < 5 ? 3 : 5));
      for (const client of clients) await client.read(on);
      for (const client of clients.slice(1)) client.begin();
      for (const [name, n, x] of script) {
        const client = clients[n % Math.max(1, clients.length)];
        if (client) await acts[name]?.(on, clients, client, x);
      }
      for (const client of clients) {
        client.begin();
        client.connection.congested = false;
        on.live.onDrain(client.connection);
      }
      await on.live.settled();
      for (const client of clients) {
        client.receive();
        const { auth } = client.connection;
        const fresh = Object.assign(new Client(client.limit), {
          connection: new FakeConnection(auth),
        });
        await fresh.read(on);
        expect(new Map([...client.rows].sort())).toEqual(new Map([...fresh.rows].sort()));
        on.live.drop(fresh.connection);
      }
      for (const { connection } of clients) on.live.drop(connection);
      await on.live.settled();
      expect(on.live.counts()).toMatchObject({ subscriptions: 0, queryGroups: 0, queryRows: 0 });
    }),
    { numRuns: 200, examples: found.map((script) => [script]) },
  );
});
