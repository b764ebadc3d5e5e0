import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, expectUnharmed } from './attack.js';

const server = attackedServer({
  'models/lists/model.yaml': `version: 1
fields:
  l: { type: List, items: { type: String } }
  n: { type: Long, default: 0 }
access: { create: true, read: true, update: true, delete: true }
`,
});

const connect = (uid: string) => Client.connect(server.socketUrl, signToken({ uid }));

function watch(client: Client, query: JsonObject) {
  const cmdOpts = { subscribe: true, limit: 1, query };
  return client.request({ cmd: 'read', r: '/lists', cmdOpts });
}

async function makeList(client: Client): Promise<string> {
  const l = Array.from({ length: 10_000 }, (_, n) => `element ${n}`);
  const { body } = await client.request({ cmd: 'create', r: '/lists', body: { l } });
  return body._r as string;
}

test('[LIM17] two hundred empty windows with long filters on a long list do no harm', async () => {
  using client = await connect('attacker');
  using second = await connect('attacker');
  const r = await makeList(client);
  const part = (n: number) => `not l contains 'zz${n}'`;
  for (let n = 0; n < 200; n++) {
    // What it finds in the end is nothing, which takes all of it to know.
    const filter = [...Array.from({ length: 140 }, (_, m) => part(m)), `n = -${n + 1}`].join(
      ' and ',
    );
    await watch(n % 2 === 0 ? client : second, { filter: `not (${filter}) and not n > -1` });
  }
  const ops = [{ op: 'addNumber', key: 'n', value: 1 }];
  const attack = async (until: AbortSignal) => {
    while (!until.aborted) await client.request({ cmd: 'update', r, rev: 1, body: { ops } });
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
});

test('[LIM17] windows with long lists of values are refused beyond the limit of a uid', async () => {
  using client = await connect('hoarder');
  let refused = 0;
  const attack = async (until: AbortSignal) => {
    for (let n = 0; n < 40 && !until.aborted; n++) {
      const v = Array.from({ length: 80_000 }, (_, m) => n * 1e6 + m);
      const { error } = await watch(client, { filter: 'n in $v', values: { v } });
      if (error?.code === 429) refused += 1;
    }
  };
  await expectUnharmed(server, { attack, memory: 400_000_000, hasBitten: () => refused > 0 });
  expect(refused).toBeGreaterThan(0);
});
