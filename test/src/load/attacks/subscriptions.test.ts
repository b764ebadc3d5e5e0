import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, attackerAddress, expectUnharmed } from './attack.js';

/** Subscriptions that a uid may have. */
const mostOfUid = 2000;

const server = attackedServer(
  {
    'models/things/model.yaml': `version: 1
fields: { text: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`,
  },
  { REALLY_LIMITS_SUBSCRIPTIONS_PER_UID: String(mostOfUid) },
);

async function connect(uid: string): Promise<Client> {
  const client = await Client.open(server.socketUrl, { localAddress: attackerAddress });
  await client.request({ cmd: 'initialize', accessToken: signToken({ uid }) });
  return client;
}

const items = (count: number, item: (n: number) => JsonObject) =>
  Array.from({ length: count }, (_, n) => item(n));

type Command = 'subscribe' | 'unsubscribe';

const message = (cmd: Command, subscriptions: JsonObject[]) => ({ cmd, body: { subscriptions } });

/** Sends these one after the other on each connection, again and again. */
async function send(
  messages: readonly JsonObject[],
  { until, uids = 2 }: { until: AbortSignal; uids?: number },
): Promise<void> {
  const clients = await Promise.all(Array.from({ length: uids }, (_, n) => connect(`sender-${n}`)));
  const worker = async (client: Client) => {
    for (let n = 0; !until.aborted; n++) {
      await client.request(messages[n % messages.length] ?? {});
      client.pushes.length = 0;
    }
  };
  await Promise.all(clients.map(worker));
  for (const client of clients) client[Symbol.dispose]();
}

const missing = (n: number) => ({ r: `/things/q${n}` });
const names = Array.from({ length: 1000 }, (_, n) => `field-${n}`);
const storms: [string, JsonObject[]][] = [
  ['40,000 items in a message', [message('subscribe', items(40_000, missing))]],
  ['as many missing objects as a second lets in', [message('subscribe', items(9000, missing))]],
  [
    'long lists of fields that nobody knows',
    [
      message(
        'subscribe',
        items(60, (n) => ({ ...missing(n), fields: names })),
      ),
    ],
  ],
  [
    'subscriptions that come and go',
    [
      message(
        'subscribe',
        items(5000, () => ({ r: '/things' })),
      ),
      message(
        'unsubscribe',
        items(5000, () => ({ r: '/things' })),
      ),
    ],
  ],
];

test.each(storms)('[DUR5] [LIM18] [LIM21] %s do no harm', async (_, messages) => {
  const attack = async (until: AbortSignal) => await send(messages, { until });
  await expectUnharmed(server, { attack, memory: 400_000_000 });
});

test('[DUR5] [LIM20] more subscriptions than a uid may have do no harm', async () => {
  using maker = await connect('maker');
  const rs = Array.from({ length: 200 }, (_, n) => `/things/${n}`);
  for (const some of [rs.slice(0, 100), rs.slice(100)]) {
    const commands = some.map((r) => ({ cmd: 'create', r, body: { text: 'x' } }));
    const { error } = await maker.request({ cmd: 'batch', body: { commands } });
    if (error) throw new Error(JSON.stringify(error));
  }
  const wanted = message(
    'subscribe',
    rs.map((r) => ({ r })),
  );
  let refused = 0;
  const attack = async (until: AbortSignal) => {
    const clients = await Promise.all(
      Array.from({ length: 2 * (mostOfUid / rs.length) }, () => connect('hoarder')),
    );
    while (!until.aborted) {
      const answers = await Promise.all(clients.map((client) => client.request(wanted)));
      const held = answers.reduce((sum, { body }) => sum + (body?.subscriptions.length ?? 0), 0);
      refused += answers.reduce((sum, { body }) => sum + (body?.failures?.length ?? 0), 0);
      expect(held).toBeLessThanOrEqual(mostOfUid);
    }
    for (const client of clients) client[Symbol.dispose]();
  };
  await expectUnharmed(server, { attack, memory: 400_000_000, hasBitten: () => refused > 0 });
  expect(refused).toBeGreaterThan(0);
});
