import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Client, type ServerMessage } from '../../harness/client.js';
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
const parents = Array.from({ length: 900 }, (_, n) => `/boards/b${n}/posts`);

let reported: string | undefined;

/** A position received before ten thousand objects were created. */
async function longAgo(): Promise<string> {
  if (reported !== undefined) return reported;
  await writeAll('founder', (r) => ({ r: r.replace('/posts', ''), body: {} }));
  using client = await connect('witness');
  await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/boards/b0/posts' }] } });
  await client.request({ cmd: 'create', r: '/boards/b0/posts', body: { text: 'first', n: 0 } });
  const { meta } = await client.nextPush();
  // Each uid may write a thousand at once.
  for (let part = 0; part < 10; part++) {
    await writeAll(`author ${part}`, (r, n) => ({ r, body: { text: `${part} ${n}`, n } }));
  }
  reported = String(meta?.pos);
  return reported;
}

/** For each parent, what is to be created. */
async function writeAll(uid: string, created: (r: string, n: number) => JsonObject): Promise<void> {
  using author = await connect(uid);
  for (let at = 0; at < parents.length; at += 100) {
    const some = parents.slice(at, at + 100);
    const commands = some.map((r, n) => ({ cmd: 'create', ...created(r, n) }));
    const { error } = await author.request({ cmd: 'batch', body: { commands } });
    expect(error).toBeUndefined();
  }
}

function subscribeAll(client: Client, pos: string): Promise<ServerMessage> {
  const subscriptions = parents.map((r) => ({ r, pos }));
  return client.request({ cmd: 'subscribe', body: { subscriptions } });
}

const failuresOf = ({ body }: ServerMessage) => {
  const failures = (body?.failures ?? []) as { error: { code: number; message: string } }[];
  return new Set(failures.map(({ error }) => `${error.code} ${error.message}`));
};

test('[LIM14] a position of long ago on many parents does no harm', async () => {
  using client = await connect('historian');
  const pos = await longAgo();
  let made = 0;
  const attack = async (until: AbortSignal) => {
    while (!until.aborted) {
      const answer = await subscribeAll(client, pos);
      made += (answer.body?.subscriptions ?? []).length;
      await client.request({ cmd: 'unsubscribe', body: { subscriptions: parents } });
    }
  };
  await expectUnharmed(server, { attack, memory: 400_000_000, hasBitten: () => made > 0 });
  expect(made).toBeGreaterThan(0);
});

test('[LIM14] live queries that go on from long ago do no harm', async () => {
  const since = await longAgo();
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
  await expectUnharmed(server, { attack, memory: 400_000_000, hasBitten: () => answers > 0 });
  expect(answers).toBeGreaterThan(0);
  for (const one of clients) one.close();
});

test('[LIM16] [REA6] positions and page tokens that were made up are refused unread', async () => {
  using client = await connect('forger');
  const pos = await longAgo();
  const [, seal = ''] = pos.split('.');
  const { body, meta } = await client.request({
    cmd: 'read',
    r: '/boards/*/posts',
    cmdOpts: { subscribe: true, sort: 'n', limit: 1 },
  });
  const token = String(body.tokens.nextToken);
  // In the format of an earlier version, and with a foreign seal.
  const forged = ['0', `0.${String(meta?.view)}`, `0.${seal}`, `1.${seal}`];
  const [head, view, step, , ...rest] = token.split('.');
  const forgedToken = [head, view, step, '0', ...rest].join('.');
  const answers = new Set<string>();
  let accepted = 0;
  const attack = async (until: AbortSignal) => {
    for (let n = 0; !until.aborted; n++) {
      const given = forged[n % forged.length] ?? '';
      const answer = await subscribeAll(client, given);
      for (const failure of failuresOf(answer)) answers.add(failure);
      accepted += (answer.body?.subscriptions ?? []).length;
      const [since, page] = await Promise.all(
        [{ subscribe: true, since: given }, { paginationToken: forgedToken }].map((more) =>
          client.request({ cmd: 'read', r: '/boards/*/posts', cmdOpts: { sort: 'n', ...more } }),
        ),
      );
      for (const one of [since, page]) answers.add(`${one?.error?.code} ${one?.error?.message}`);
    }
  };
  const hasBitten = () =>
    ['400 request.invalid', '410 position.gone'].every((one) => answers.has(one));
  await expectUnharmed(server, { attack, memory: 400_000_000, hasBitten });
  expect(accepted).toBe(0);
  answers.delete('429 rate.limited');
  expect([...answers].sort()).toEqual(['400 request.invalid', '410 position.gone']);
});
