import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Client, type Message } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, expectUnharmed } from './attack.js';

const server = attackedServer({
  'models/boards/model.yaml': `version: 1
fields: { name: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/boards/posts/model.yaml': `version: 1
fields:
  text: { type: String }
  n: { type: Long, index: true }
access: { create: true, read: true, update: true, delete: true }
`,
});

const connect = (uid: string) => Client.connect(server.socketUrl, signToken({ uid }));

/** Parents that are asked for at once. */
const parents = Array.from({ length: 1000 }, (_, n) => `/boards/b${n}/posts`);

/** A position from before all of this happened, as it was told. */
async function longAgo(client: Client): Promise<string> {
  await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r: parents[0] ?? '' }] } });
  const post = { text: 'the first', n: 0 };
  await client.request({ cmd: 'create', r: '/boards/b0/posts', body: post });
  const { meta } = await client.nextPush();
  await client.request({ cmd: 'unsubscribe', body: { subscriptions: [parents[0] ?? ''] } });
  for (let batch = 0; batch < 100; batch++) {
    const commands = Array.from({ length: 100 }, (_, n) => {
      const r = parents[(batch * 7 + n) % parents.length] ?? '';
      return { cmd: 'create', r, body: { text: `${batch} ${n}`, n } };
    });
    await client.request({ cmd: 'batch', body: { commands } });
  }
  return String(meta?.pos);
}

function subscribeAll(client: Client, pos: string): Promise<Message> {
  const subscriptions = parents.map((r) => ({ r, pos }));
  return client.request({ cmd: 'subscribe', body: { subscriptions } });
}

const failuresOf = ({ body }: Message) => {
  const failures = (body?.failures ?? []) as { error: { code: number; message: string } }[];
  return new Set(failures.map(({ error }) => `${error.code} ${error.message}`));
};

test('[LIM14] a position of long ago on a thousand parents does no harm', async () => {
  using client = await connect('historian');
  const pos = await longAgo(client);
  let told = 0;
  const attack = async (until: AbortSignal) => {
    while (!until.aborted) {
      const answer = await subscribeAll(client, pos);
      told += (answer.body?.subscriptions ?? []).length;
      await client.request({ cmd: 'unsubscribe', body: { subscriptions: parents } });
    }
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
  expect(told).toBeGreaterThan(0);
});

test('[LIM14] live queries that go on from long ago do no harm', async () => {
  using client = await connect('archivist');
  const since = await longAgo(client);
  const clients = await Promise.all(['one', 'two', 'three', 'four'].map((uid) => connect(uid)));
  let answers = 0;
  const replay = async (one: Client, until: AbortSignal) => {
    while (!until.aborted) {
      const query = { filter: 'n > $n', values: { n: answers % 50 } };
      const cmdOpts: JsonObject = { subscribe: true, since, query, sort: 'n', limit: 5 };
      const { meta } = await one.request({ cmd: 'read', r: '/boards/*/posts', cmdOpts });
      answers += 1;
      const id = meta?.subscription;
      if (id) await one.request({ cmd: 'unsubscribe', body: { subscriptions: [String(id)] } });
    }
  };
  const attack = async (until: AbortSignal) => {
    await Promise.all(clients.map((one) => replay(one, until)));
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
  expect(answers).toBeGreaterThan(0);
  for (const one of clients) one.close();
});

test('[LIM16] [REA6] positions and page tokens that were made up are refused unread', async () => {
  using client = await connect('forger');
  const pos = await longAgo(client);
  const [, seal = ''] = pos.split('.');
  const { body, meta } = await client.request({
    cmd: 'read',
    r: '/boards/*/posts',
    cmdOpts: { subscribe: true, sort: 'n', limit: 1 },
  });
  const token = String(body.tokens.nextToken);
  // As an earlier version told them, and with the seal of another one.
  const forged = ['0', `0.${String(meta?.view)}`, `0.${seal}`, `1.${seal}`];
  const [head, view, step, , ...rest] = token.split('.');
  const forgedToken = [head, view, step, '0', ...rest].join('.');
  const answers = new Set<string>();
  const attack = async (until: AbortSignal) => {
    for (let n = 0; !until.aborted; n++) {
      const given = forged[n % forged.length] ?? '';
      for (const failure of failuresOf(await subscribeAll(client, given))) answers.add(failure);
      const [since, page] = await Promise.all(
        [{ subscribe: true, since: given }, { paginationToken: forgedToken }].map((more) =>
          client.request({ cmd: 'read', r: '/boards/*/posts', cmdOpts: { sort: 'n', ...more } }),
        ),
      );
      for (const one of [since, page]) answers.add(`${one?.error?.code} ${one?.error?.message}`);
    }
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
  answers.delete('429 rate.limited');
  expect([...answers].sort()).toEqual(['400 request.invalid', '410 position.gone']);
});
