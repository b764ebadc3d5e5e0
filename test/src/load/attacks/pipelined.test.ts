import { test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, expectUnharmed } from './attack.js';

const server = attackedServer();

test('[DUR5] [LIM2] a client that sends as many updates as its rate allows does no harm', async () => {
  const uid = 'attacker';
  using client = await Client.connect(server.socketUrl, signToken({ uid }));
  const { body } = await client.request({ cmd: 'create', r: '/innocents', body: { owner: uid } });
  const ops = [{ op: 'addNumber', key: 'score', value: 1 }];
  const attack = async (until: AbortSignal) => {
    const worker = async () => {
      while (!until.aborted) {
        await client.request({ cmd: 'update', r: body._r, rev: 1, body: { ops } });
      }
    };
    await Promise.all(Array.from({ length: 200 }, worker));
  };
  await expectUnharmed(server, { attack, memory: 300_000_000 });
});
