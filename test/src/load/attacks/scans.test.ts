import type { JsonObject } from '@really/protocol';
import { beforeAll, expect, test } from 'vitest';
import { runProgram } from '../../cli/run-program.js';
import { Client } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, attackerAddress, expectUnharmed, isLong } from './attack.js';

const server = attackedServer({
  'models/rows/model.yaml': `version: 1
fields:
  text: { type: String }
access: { create: true, read: true, update: true, delete: true }
`,
});

/** Objects that each query looks at. */
const rows = isLong ? 300_000 : 60_000;

beforeAll(async () => {
  await server.process.kill();
  const line = (n: number) =>
    `{"r":"/rows/${n}","rev":1,"modelVersion":1,"data":{"text":"row ${n}"}}`;
  const lines = Array.from({ length: rows }, (_, n) => line(n));
  const input = ['{"really":"export","version":1}', ...lines, '{"end":{}}'].join('\n');
  const env = { REALLY_SECRET: testSecret };
  const { code, stderr } = await runProgram(['import', '-'], {
    dir: server.folder.dir,
    env,
    input,
  });
  if (code !== 0) throw new Error(stderr);
  await server.restart();
});

/** What no index serves: all objects are looked at, and none is found. */
const scan: JsonObject = { filter: 'text = $t', values: { t: 'nowhere' } };
const questions: JsonObject[] = [
  { cmd: 'count', r: '/rows', cmdOpts: { query: scan } },
  { cmd: 'read', r: '/rows', cmdOpts: { query: scan } },
  { cmd: 'read', r: '/rows', cmdOpts: { query: scan, sort: 'text' } },
  { cmd: 'count', r: '/rows' },
];

/** Ten questions at a time on each connection, again and again. What was answered, by code. */
async function ask(tokens: readonly string[], until: AbortSignal): Promise<Map<number, number>> {
  const answers = new Map<number, number>();
  const clients = await Promise.all(tokens.map(connect));
  const worker = async (client: Client, first: number) => {
    for (let n = first; !until.aborted; n++) {
      const { error } = await client.request(questions[n % questions.length] ?? {});
      const code = error?.code ?? 200;
      answers.set(code, (answers.get(code) ?? 0) + 1);
    }
  };
  const workers = clients.flatMap((client) =>
    Array.from({ length: 10 }, (_, n) => worker(client, n).catch(() => {})),
  );
  await new Promise((resolve) => until.addEventListener('abort', resolve));
  for (const client of clients) client[Symbol.dispose]();
  await Promise.all(workers);
  return answers;
}

async function connect(accessToken: string): Promise<Client> {
  const client = await Client.open(server.socketUrl, { localAddress: attackerAddress });
  await client.request({ cmd: 'initialize', accessToken });
  return client;
}

async function anonymous(): Promise<string> {
  const answer = await fetch(`${server.url}/auth/anonymous`, { method: 'POST' });
  return ((await answer.json()) as { accessToken: string }).accessToken;
}

const uids = (count: number) =>
  Array.from({ length: count }, (_, n) => signToken({ uid: `attacker-${n}` }));

const attacks: [string, () => Promise<string[]> | string[]][] = [
  ['one anonymous user', async () => [await anonymous()]],
  ['many anonymous users of one address', () => Promise.all(Array.from({ length: 30 }, anonymous))],
  ['twenty users', () => uids(20)],
];

test.each(attacks)('[DUR5] [LIM7] [LIM13] scans of %s do no harm', async (_, tokensOf) => {
  const tokens = await tokensOf();
  let answers = new Map<number, number>();
  const attack = async (until: AbortSignal) => {
    answers = await ask(tokens, until);
  };
  await expectUnharmed(server, { attack, memory: 400_000_000 });
  // What was asked was understood.
  expect(answers.get(200)).toBeGreaterThan(0);
  expect(answers.has(409)).toBe(false);
});
