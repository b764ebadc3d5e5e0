import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Client, type ServerMessage } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, expectUnharmed } from './attack.js';

const server = attackedServer({
  'models/people/model.yaml': `version: 1
fields:
  name: { type: String }
  at: { type: Date }
  json: { type: Json }
  text: { type: String }
access: { create: true, read: true, update: true, delete: true }
`,
  // Read one by one: the store cannot use this rule as a filter.
  'models/secrets/model.yaml': `version: 1
fields:
  json: { type: Json }
  other: { type: String }
access: { create: true, read: (obj.other || auth.uid).length > 0, update: true, delete: true }
`,
});

const connect = (uid: string) => Client.connect(server.socketUrl, signToken({ uid }));

const times = (what: string, count: number, joint = ' or ') =>
  Array.from({ length: count }, () => what).join(joint);

/** Asks for these all at once, again and again. */
function asking(
  client: Client,
  messages: readonly JsonObject[],
  check: (answer: ServerMessage) => void,
) {
  return async (until: AbortSignal) => {
    do {
      const answers = await Promise.all(messages.map((message) => client.request(message)));
      for (const answer of answers) check(answer);
    } while (!until.aborted);
  };
}

function isServed({ error }: ServerMessage): void {
  expect([undefined, 429, 503], JSON.stringify(error)).toContain(error?.code);
}

test('[LIM12] twelve counts that name a hundred thousand values hundreds of times do no harm', async () => {
  using client = await connect('attacker');
  const a = Array.from({ length: 100_000 }, (_, n) => `n${n}`);
  const query = { filter: times('name in $a', 290), values: { a } };
  const messages = Array.from({ length: 12 }, () => ({
    cmd: 'count',
    r: '/people',
    cmdOpts: { query },
  }));
  const attack = asking(client, messages, ({ error }) => {
    expect(error?.errors).toEqual({ 'cmdOpts.query.values': ['beyond limits.filterOperands'] });
  });
  await expectUnharmed(server, { attack, memory: 400_000_000 });
});

test('[LIM12] neither do reads with as many values as a filter may have', async () => {
  using client = await connect('attacker');
  await client.request({ cmd: 'create', r: '/people', body: { name: 'n1' } });
  const queries = [
    { filter: 'name in $a', values: { a: Array.from({ length: 80_000 }, (_, n) => `n${n}`) } },
    { filter: times('at in $a', 3), values: { a: instants(20_000) } },
    { filter: 'json in $a', values: { a: Array.from({ length: 60_000 }, () => [[]]) } },
    {
      filter: times('not name in $a', 200, ' and '),
      values: { a: Array.from({ length: 300 }, (_, n) => `n${n}`) },
    },
  ];
  const messages = queries.map((query) => ({ cmd: 'read', r: '/people', cmdOpts: { query } }));
  await expectUnharmed(server, { attack: asking(client, messages, isServed), memory: 400_000_000 });
});

function instants(count: number): string[] {
  return Array.from({ length: count }, (_, n) =>
    new Date(n * 1000).toISOString().replace('.000', ''),
  );
}

test('[LIM4] pages of many large objects are read a few at a time', async () => {
  using client = await connect('attacker');
  const json = Array.from({ length: 40 }, () => Array.from({ length: 10_000 }, () => 1));
  for (let n = 0; n < 40; n++) {
    const { error } = await client.request({ cmd: 'create', r: '/secrets', body: { json } });
    expect(error).toBeUndefined();
  }
  const messages = [
    { cmd: 'count', r: '/secrets' },
    { cmd: 'read', r: '/secrets', cmdOpts: { limit: 1000, fields: ['other'] } },
  ];
  await expectUnharmed(server, { attack: asking(client, messages, isServed), memory: 400_000_000 });
});

test('[LIM15] long lists of fields do no harm', async () => {
  using client = await connect('attacker');
  const { body } = await client.request({
    cmd: 'create',
    r: '/people',
    body: { name: 'a', json: { a: 1 } },
  });
  const names = ['name', 'at', 'json', 'text'];
  const fields = Array.from({ length: 100_000 }, (_, n) => names[n % names.length] ?? 'name');
  const message = { cmd: 'get', r: body._r, cmdOpts: { fields } };
  const attack = asking(client, [message, message, message, message], (answer) => {
    expect(answer.meta?.fields).toEqual(names);
  });
  await expectUnharmed(server, { attack, memory: 400_000_000 });
});
