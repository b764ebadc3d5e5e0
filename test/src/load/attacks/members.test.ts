import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, attackerAddress, expectUnharmed } from './attack.js';
import { frame, rawWebSocket } from './raw-sockets.js';

const server = attackedServer({
  'models/things/model.yaml': `version: 1
fields:
  text: { type: String, default: "'x'" }
  any: { type: Json }
access: { create: true, read: true, update: true, delete: true }
`,
});

const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

/** So many members, with new names. */
let seen = 0;
function wide(members: number): JsonObject {
  seen += 1;
  return Object.fromEntries(Array.from({ length: members }, (_, n) => [`${seen}_${n}`, 0]));
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);
const query = (values: JsonObject) => ({ filter: 'text = $text', values });
const r = '/things';

const messages: [string, () => JsonObject | string][] = [
  ['a create', () => ({ cmd: 'create', r, body: wide(70_000) })],
  ['a Json', () => ({ cmd: 'create', r, body: { any: wide(70_000) } })],
  ['values', () => ({ cmd: 'read', r, cmdOpts: { query: query({ ...wide(70_000), text: 'x' }) } })],
  ['cmdOpts', () => ({ cmd: 'read', r, cmdOpts: wide(70_000) })],
  ['fields', () => ({ cmd: 'read', r, cmdOpts: { fields: names(80_000) } })],
  [
    'operations',
    () => {
      const op = { op: 'set', key: 'text', value: 'x', ...wide(700) };
      const ops = Array.from({ length: 90 }, () => op);
      return { cmd: 'update', r: '/things/1', rev: 1, body: { ops } };
    },
  ],
  ['the message itself', () => ({ cmd: 'get', r: '/things/1', ...wide(70_000) })],
  [
    'a batch',
    () => {
      const command = { cmd: 'create', r, body: wide(700) };
      return { cmd: 'batch', body: { commands: Array.from({ length: 100 }, () => command) } };
    },
  ],
  ['one name', () => `{"tag":1,"cmd":"create","r":"/things","body":{${repeated('"text":0')}}}`],
  [
    '__proto__',
    () => `{"tag":1,"cmd":"create","r":"/things","body":{${repeated('"__proto__":{"a":0}')}}}`,
  ],
];

const repeated = (member: string) => Array.from({ length: 40_000 }, () => member).join();

async function connect(uid: string): Promise<Client> {
  const client = await Client.open(server.socketUrl, { localAddress: attackerAddress });
  await client.request({ cmd: 'initialize', accessToken: signToken({ uid }) });
  return client;
}

/** Returns the size of each response. */
async function send(
  message: () => JsonObject | string,
  until: AbortSignal,
): Promise<{ asked: number; answered: number }> {
  using client = await connect('attacker');
  let [asked, answered] = [0, 0];
  client.socket.on('message', (data) => {
    answered += String(data).length;
  });
  while (!until.aborted) {
    const one = message();
    asked += JSON.stringify(one).length;
    if (typeof one !== 'string') await client.request(one);
    else {
      client.send(one);
      await client.request({ cmd: 'ping' });
    }
  }
  return { asked, answered };
}

test.each(messages)('[DUR5] [LIM21] very many members in %s do no harm', async (_, message) => {
  let sizes = { asked: 0, answered: 0 };
  const attack = async (until: AbortSignal) => {
    sizes = await send(message, until);
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
  // The answer to a create is what was made.
  expect(sizes.answered).toBeLessThanOrEqual(1.1 * sizes.asked);
});

test('[DUR5] [LIM21] [LIM28] neither do they before a token was shown', async () => {
  const bytes = frame(
    JSON.stringify({ tag: 1, cmd: 'initialize', accessToken: 'none', ...wide(4500) }),
  );
  const attack = async (until: AbortSignal) => {
    const worker = async () => {
      while (!until.aborted) {
        const socket = await rawWebSocket(server);
        socket.write(Buffer.concat([bytes, bytes, bytes]));
        await pause();
        socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: 10 }, worker));
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
});

interface AskOptions {
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

test('[DUR5] [LIM21] nor in the head and the body of HTTP requests', async () => {
  const authorization = `Bearer ${signToken({ uid: 'attacker' })}`;
  const parameters = names(4000).map((name) => `q${name}=0`);
  const values = encodeURIComponent(JSON.stringify(wide(2500)));
  const body = () => JSON.stringify(wide(70_000));
  const many = Object.fromEntries(names(1000).map((name) => [`x-${name}`, '0']));
  const ask = async (path: string, { body, ...more }: AskOptions = {}) => {
    const init = { localAddress: attackerAddress, headers: { authorization, ...more.headers } };
    const sent = request(`${server.url}${path}`, { ...init, method: body ? 'POST' : 'GET' });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    for await (const _ of answer);
  };
  const requests = [
    () => ask(`/v0.1/things?${parameters.join('&')}`),
    () => ask(`/v0.1/things?filter=text=$text&values=${values}`),
    () => ask('/v0.1/things', { headers: many }),
    () => ask('/v0.1/things', { body: body() }),
  ];
  const attack = async (until: AbortSignal) => {
    for (let n = 0; !until.aborted; n++) await requests[n % requests.length]?.();
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
});
