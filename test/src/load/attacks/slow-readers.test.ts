import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { signToken } from '../../harness/token.js';
import { attackedServer, attackerAddress, expectUnharmed } from './attack.js';
import { between, bigModel, comeback, level, makeBig } from './hoarders.js';

const megabyte = 1024 * 1024;
const server = attackedServer(bigModel, { REALLY_LIMITS_OUTPUT_TOTAL: String(8 * megabyte) });

/** A client that asks for the same large object `count` times, and reads no answer. Resolves with the code that it is closed with. */
function slowReader(r: string, count: number): WebSocket {
  const ws = new WebSocket(server.socketUrl, { localAddress: attackerAddress });
  ws.on('error', () => {});
  ws.on('open', () => {
    ws.send(
      JSON.stringify({
        tag: 0,
        cmd: 'initialize',
        accessToken: signToken({ uid: 'attacker' }),
      }),
    );
    for (let tag = 1; tag <= count; tag++) ws.send(JSON.stringify({ tag, cmd: 'get', r }));
    ws.pause();
  });
  return ws;
}

test('[LIM32] many clients that request much over WebSocket and read nothing do no harm', async () => {
  const r = await makeBig(server);
  const attack = async (until: AbortSignal) => {
    const open = new Set<WebSocket>();
    const add = () => {
      const ws = slowReader(r, 10);
      open.add(ws);
      ws.once('close', () => {
        open.delete(ws);
        if (!until.aborted) setTimeout(() => !until.aborted && add(), comeback);
      });
    };
    for (let count = 0; count < 60 && !until.aborted; count++) {
      add();
      await pause(between);
    }
    if (!until.aborted) await once(until, 'abort');
    for (const ws of open) ws.terminate();
  };
  const refused = 'really_limit_refused_total{key="limits.outputTotal"}';
  const hasBitten = async () => (await level(server, refused)) > 0;
  await expectUnharmed(server, { attack, memory: 400 * megabyte, hasBitten });
  expect(await hasBitten()).toBe(true);
});
