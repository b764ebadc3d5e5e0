import { expect, test } from 'vitest';
import { Client, type ServerMessage } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, attackerAddress, expectUnharmed } from './attack.js';

/** The bystanders' requests run scripts, and some of these hang on the input of others. */
const server = attackedServer({
  'models/innocents/model.yaml': `version: 1
fields:
  owner: { type: String, required: true, index: true, validation: "/^(a+)+$/.test(owner) || owner.length > 0" }
  text: { type: String }
  score: { type: Long, default: 0 }
access: { create: true, read: obj.owner == auth.uid, update: obj.owner == auth.uid, delete: false }
`,
  'models/innocents/on-validate.js': `if (/^(a+)+$/.test(input.text || '')) cancel(400, 'no');`,
  'models/innocents/pre-get.js': `if (obj.owner.length > 1000) hide('text');`,
  'models/words/model.yaml': `version: 1
fields:
  word: { type: String, validation: "/^(a+)+$/.test(word)" }
access: { create: true, read: true, update: true, delete: true }
`,
  'models/sums/model.yaml': `version: 1
fields:
  n: { type: Long, validation: "(() => { let sum = 0; for (let i = 0; i < n; i++) sum += i; return sum >= 0; })()" }
access: { create: true, read: true, update: true, delete: true }
`,
});

const evil = `${'a'.repeat(40)}b`;

/** A client at the address of attackers. */
async function attacker(claims: { uid: string; authType?: string }): Promise<Client> {
  const client = await Client.open(server.socketUrl, { localAddress: attackerAddress });
  await client.request({ cmd: 'initialize', accessToken: signToken(claims) });
  return client;
}

/** Sends the same create again and again, so many at a time, and counts the responses, by the named limit or the code. */
async function flood(
  clients: readonly Client[],
  create: { r: string; body: Record<string, string | number> },
  { atOnce, until }: { atOnce: number; until: AbortSignal },
): Promise<Map<unknown, ServerMessage>> {
  const said = new Map<unknown, ServerMessage>();
  const one = async (client: Client) => {
    while (!until.aborted) {
      const answer = await client.request({ cmd: 'create', ...create });
      const { error } = answer;
      said.set(error?.errors?.cmd?.[0] ?? error?.code, answer);
    }
  };
  const all = clients.flatMap((client) => Array.from({ length: atOnce }, () => one(client)));
  await Promise.all(all);
  return said;
}

function close(clients: readonly Client[]): void {
  for (const client of clients) client.socket.terminate();
}

test('[DUR5] [LIM23] a client whose values make a validation hang fails alone', async () => {
  using eve = await Client.connect(server.socketUrl, signToken({ uid: 'attacker' }));
  using victim = await Client.connect(server.socketUrl, signToken({ uid: 'victim' }));
  const over = new AbortController();
  const words = { r: '/words', body: { word: evil } };
  const attack = flood([eve], words, { atOnce: 10, until: over.signal });
  const errors: unknown[] = [];
  try {
    for (let turn = 0; turn < 20; turn++) {
      const { error } = await victim.request({ cmd: 'create', r: '/words', body: { word: 'aa' } });
      if (error) errors.push(error);
    }
  } finally {
    over.abort();
  }
  await attack;
  expect(errors).toEqual([]);
});

test('[LIM24] [LIM25] many anonymous users of one address count as one owner, and are refused after some overruns', async () => {
  const uids = Array.from({ length: 20 }, (_, n) => `anyone-${n}`);
  const clients = await Promise.all(uids.map((uid) => attacker({ uid, authType: 'anonymous' })));
  const said = new Map<unknown, ServerMessage>();
  const attack = async (until: AbortSignal) => {
    const words = { r: '/words', body: { word: evil } };
    for (const [what, answer] of await flood(clients, words, { atOnce: 10, until })) {
      said.set(what, answer);
    }
  };
  await expectUnharmed(server, { attack, memory: 200_000_000 });
  const { error, meta } = said.get('beyond limits.hookTime') ?? {};
  expect(error?.code).toBe(429);
  expect(meta?.retryAfter).toBeGreaterThan(0);
  const newcomer = await attacker({ uid: 'anyone-else', authType: 'anonymous' });
  const good = { cmd: 'create', r: '/words', body: { word: 'aa' } };
  expect((await newcomer.request(good)).error?.code).toBe(429);
  // A user of the same address has nothing to do with them.
  const somebody = await attacker({ uid: 'somebody' });
  expect((await somebody.request(good)).error).toBeUndefined();
  close([...clients, newcomer, somebody]);
});

test('[LIM26] owners for whom a script exceeds its time slow it for nobody else', async () => {
  const clients = await Promise.all(['eve', 'mallory'].map((uid) => attacker({ uid })));
  const innocents = { r: '/innocents', body: { owner: evil } };
  const attack = async (until: AbortSignal) => {
    await flood(clients, innocents, { atOnce: 50, until });
  };
  await expectUnharmed(server, { attack, memory: 200_000_000 });
  close(clients);
});

test('[LIM24] a flood of scripts just below their time limit delays nobody', async () => {
  const clients = [await attacker({ uid: 'flooder' })];
  const attack = async (until: AbortSignal) => {
    await flood(clients, { r: '/sums', body: { n: 300_000 } }, { atOnce: 200, until });
  };
  await expectUnharmed(server, { attack, memory: 200_000_000 });
  close(clients);
});
