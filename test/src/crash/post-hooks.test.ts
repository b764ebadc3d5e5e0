import { join } from 'node:path';
import { openSqliteStore, type Store, silentLog, systemPlatform } from '@really/server/internal';
import { expect, test } from 'vitest';
import { allEntries } from '../harness/all-entries.js';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { seededRandom } from '../harness/seeded-random.js';
import { ServerProcess } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { WebhookReceiver } from '../harness/webhook-receiver.js';

const rounds = 10;
const writers = 4;

const hook = (what: string) => `
create("/records", { thing: obj._r, rev: obj._rev, what: "${what}" });
update("/totals/all", [{ op: "addNumber", key: "changes", value: 1 }]);
emit("thing.changed", { thing: obj._r, rev: obj._rev });
`;

const app = (url: string) => ({
  'models/things/model.yaml':
    'version: 1\nfields: { n: { type: Long, default: 0 } }\naccess: { create: true, update: true }\n',
  'models/things/post-create.js': hook('created'),
  'models/things/post-update.js': hook('updated'),
  'models/records/model.yaml': `version: 1
fields: { thing: { type: String }, rev: { type: Long }, what: { type: String } }
access: { read: true }
`,
  'models/records/post-create.js':
    'update("/totals/all", [{ op: "addNumber", key: "records", value: 1 }]);\n',
  'models/totals/model.yaml': `version: 1
fields: { changes: { type: Long, default: 0 }, records: { type: Long, default: 0 } }
access: { create: true, read: true }
`,
  'really.yaml': `limits: { history: 1000000 }
rate: { commands: 0, address: 0 }
webhooks: { hears: { url: "${url}", secret: a-secret-for-this-test } }
`,
});

/** Makes a thing and changes it, in chains and in batches, until the socket dies. */
async function write(url: string, name: string): Promise<void> {
  const r = `/things/${name}`;
  const add = {
    cmd: 'update',
    r,
    rev: 1,
    body: { ops: [{ op: 'addNumber', key: 'n', value: 1 }] },
  };
  try {
    const client = await Client.connect(url, signToken({ uid: name }));
    await client.request({ cmd: 'create', r, body: {} });
    for (let n = 0; ; n++) {
      const other = { cmd: 'create', r: `${r}-${n}`, body: {} };
      const batch = { cmd: 'batch', body: { commands: [add, other, add] } };
      await Promise.all([client.request(add), client.request(batch), client.request(add)]);
    }
  } catch {
    // The plug was pulled.
  }
}

/** The number of waiting runs, from the server's metrics. */
async function pending(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const values = ['post_hooks', 'webhooks'].map((name) => {
    return Number(new RegExp(`^really_${name}_pending (\\d+)$`, 'm').exec(text)?.[1]);
  });
  return values.reduce((sum, value) => sum + value, 0);
}

async function everything(store: Store, name: string) {
  const scope = { names: [name], parents: [] };
  const entries = await allEntries(async (after, limit) => {
    const page = await store.created(scope, after, limit);
    expect(page.gone).toBe(false);
    return page;
  });
  return entries.map(({ object }) => object);
}

interface Seen {
  readonly thing: string;
  readonly rev: number;
}

/** The revisions seen of each thing, in the order in which they were seen. */
function revsOf(seen: readonly Seen[]): Map<string, number[]> {
  const revs = new Map<string, number[]>();
  for (const { thing, rev } of seen) revs.set(thing, [...(revs.get(thing) ?? []), rev]);
  return revs;
}

test('[POST1] [POST3] [POST4] [POST8] kill -9 at any moment: each write has its run, in order per object, and effects happen once', async () => {
  await using receiver = await WebhookReceiver.start();
  await using folder = await appFolder(app(receiver.url));
  const random = seededRandom(20_140_915);
  let leftOver = 0;
  // On a machine that is too busy for writes in so short a time there are more rounds.
  for (let round = 0; round < rounds || (leftOver === 0 && round < 3 * rounds); round++) {
    await using server = await ServerProcess.start({ dir: folder.dir });
    leftOver += Number((await pending(server.url)) > 0);
    using first = await Client.connect(server.socketUrl, signToken({ uid: 'first' }));
    if (round === 0) await first.request({ cmd: 'create', r: '/totals/all', body: {} });
    const work = Array.from({ length: writers }, (_, index) =>
      write(server.socketUrl, `w${round}-${index}`),
    );
    await new Promise((resolve) => setTimeout(resolve, 50 + random() * 350));
    await server.kill();
    await Promise.all(work);
  }
  // Else this test would show nothing.
  expect(leftOver).toBeGreaterThan(0);
  {
    await using server = await ServerProcess.start({ dir: folder.dir });
    await expect.poll(() => pending(server.url)).toBe(0);
    expect(await server.stop()).toBe(0);
    expect(server.output.stdout).not.toContain('dead letter');
  }
  const store = await openSqliteStore(
    { file: join(folder.dir, 'data', 'really.db'), history: 1_000_000 },
    systemPlatform,
    silentLog,
  );
  try {
    const things = await everything(store, 'things');
    const expected = new Map(
      things.map(({ r, rev }) => [r, Array.from({ length: rev }, (_, index) => index + 1)]),
    );
    const changes = things.reduce((sum, { rev }) => sum + rev, 0);
    const records = (await everything(store, 'records')).map(({ data }) => data as unknown as Seen);
    expect(revsOf(records)).toEqual(expected);
    expect((await store.get('/totals/all'))?.data).toEqual({ changes, records: changes });
    const ids = new Set<string>();
    const events = receiver.received.filter(({ headers }) => {
      const id = String(headers['webhook-id']);
      return !ids.has(id) && ids.add(id);
    });
    expect(revsOf(events.map(({ json }) => json.data as Seen))).toEqual(expected);
    for (const name of ['_outbox', '_dead-letters']) {
      expect(await everything(store, name)).toEqual([]);
      const log = await store.changes({ names: [name], parents: [] }, 0, 10);
      expect(log.entries).toEqual([]);
    }
  } finally {
    await store.close();
  }
});
