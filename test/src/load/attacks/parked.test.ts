import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, expectUnharmed } from './attack.js';
import { bigModel, level, makeBig } from './hoarders.js';

const most = 50;
const server = attackedServer(bigModel, { REALLY_LIMITS_RESUMABLE_SESSIONS: String(most) });

async function connect(uid: string, more: JsonObject = {}) {
  const client = await Client.open(server.socketUrl);
  const accessToken = signToken({ uid });
  const { body } = await client.request({ cmd: 'initialize', accessToken, ...more });
  return { client, body };
}

/** Connects, subscribes, and drops. */
async function visit(uid: string, r: string): Promise<string> {
  const { client, body } = await connect(uid);
  await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r }] } });
  client.socket.terminate();
  await client.closed;
  return String(body['connection-handle']);
}

test('[LIM38] a client that drops again and again does not cost others their sessions', async () => {
  const r = await makeBig(server);
  const handles = [];
  for (let n = 0; n < 5; n++) handles.push(await visit(`victim-${n}`, r));
  let visits = 0;
  const attack = async (until: AbortSignal) => {
    const worker = async () => {
      for (let n = 0; !until.aborted || n < most / 2; n++) {
        await visit('attacker', r);
        visits++;
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
  };
  await expectUnharmed(server, { attack });
  expect(visits).toBeGreaterThan(most);
  expect(
    await level(server, 'really_limit_refused_total{key="limits.resumableSessions"}'),
  ).toBeGreaterThan(0);
  for (const [n, handle] of handles.entries()) {
    const { client, body } = await connect(`victim-${n}`, { 'connection-handle': handle });
    expect(body.resumed).toBe(true);
    client.close();
  }
});
