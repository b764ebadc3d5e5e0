import type { JsonValue } from '@really/protocol';
import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, attackerAddress, expectUnharmed } from './attack.js';

const server = attackedServer({
  'models/lists/model.yaml': `version: 1
fields:
  l: { type: List, items: { type: Json } }
access: { create: true, read: true, update: true, delete: true }
`,
});

const elements = Array.from({ length: 10_000 }, (_, n) => ({ n, name: `element ${n}` }));

test('[DUR5] [LIM22] a thousand operations on the longest list do no harm', async () => {
  using client = await attacker();
  const r = await createList(client, elements);
  const ops = Array.from({ length: 1000 }, (_, n) => {
    const value = Array.from({ length: 8 }, (_, at) => ({ n: -n, name: `none ${at}` }));
    return { op: 'pull', key: 'l', value };
  });
  const attack = async (until: AbortSignal) => {
    while (!until.aborted) {
      const { body } = await client.request({ cmd: 'get', r });
      await client.request({ cmd: 'update', r, rev: body._rev, body: { ops } });
    }
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
});

test('[DUR5] [LIM22] operations whose compared values change in between do no harm', async () => {
  using client = await attacker();
  const r = await createList(client, [{ text: 'x'.repeat(500_000) }]);
  const ops = Array.from({ length: 1000 }, (_, n) =>
    n % 2 === 0 ? { op: 'set', key: 'l[0].n', value: n } : { op: 'addToSet', key: 'l', value: 'x' },
  );
  const attack = async (until: AbortSignal) => {
    while (!until.aborted) {
      const answer = await client.request({ cmd: 'update', r, rev: 1, body: { ops } });
      expect(answer.error?.errors).toEqual({ 'l[0].n': ['beyond limits.updateWork'] });
    }
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
});

test('[DUR5] many concurrent updates of one large object do no harm', async () => {
  using client = await attacker();
  const r = await createList(client, elements.slice(0, 4000));
  const ops = [{ op: 'addToSet', key: 'l', value: { n: 1, name: 'element 1' } }];
  const attack = async (until: AbortSignal) => {
    const worker = async () => {
      while (!until.aborted) await client.request({ cmd: 'update', r, rev: 1, body: { ops } });
    };
    await Promise.all(Array.from({ length: 200 }, worker));
  };
  await expectUnharmed(server, { attack, memory: 800_000_000 });
});

test('[DUR5] [LIM45] small updates of many large objects do no harm', async () => {
  const clients = await Promise.all(Array.from({ length: 10 }, attacker));
  const text = 'x'.repeat(900_000);
  const rs: string[] = [];
  for (const client of clients) rs.push(await createList(client, [{ text, n: 0 }]));
  const ops = [{ op: 'addNumber', key: 'l[0].n', value: 1 }];
  let done = 0;
  const attack = async (until: AbortSignal) => {
    const worker = async (client: Client, r = '') => {
      while (!until.aborted) {
        const { error } = await client.request({ cmd: 'update', r, rev: 1, body: { ops } });
        expect(error).toBeUndefined();
        done += 1;
      }
    };
    await Promise.all(
      clients.flatMap((client, n) => Array.from({ length: 5 }, () => worker(client, rs[n]))),
    );
  };
  await expectUnharmed(server, { attack, memory: 400_000_000, hasBitten: () => done > 10 });
  expect(done).toBeGreaterThan(10);
  for (const client of clients) client[Symbol.dispose]();
});

async function attacker(): Promise<Client> {
  const client = await Client.open(server.socketUrl, { localAddress: attackerAddress });
  await client.request({ cmd: 'initialize', accessToken: signToken({ uid: 'attacker' }) });
  return client;
}

async function createList(client: Client, l: JsonValue[]): Promise<string> {
  const { body } = await client.request({ cmd: 'create', r: '/lists', body: { l } });
  return body._r;
}
