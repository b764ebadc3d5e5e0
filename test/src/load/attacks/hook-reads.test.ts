import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { attackedServer, attackerAddress, expectUnharmed } from './attack.js';

const model = 'version: 1\nfields: { n: { type: Long, default: 0 }, text: { type: String } }\n';
const created = `${model}access: { create: true }\n`;

/** Post hooks that read as much as they can, in every way. */
const server = attackedServer(
  {
    'models/bulk/model.yaml': created,
    'models/endless/model.yaml': created,
    'models/endless/post-create.js': 'for (;;) try { read("/bulk", { limit: 10 }); } catch {}',
    'models/huge/model.yaml': created,
    'models/huge/post-create.js': `
for (let n = 0; n < 50; n++) {
  try { read("/bulk", { limit: 1000 }); } catch { count("/bulk"); }
}`,
    'models/scans/model.yaml': created,
    'models/scans/post-create.js': `
for (let n = 0; n < 50; n++) count("/bulk", { filter: "text contains $n", values: { n: "no " + n } });`,
    'models/spreads/model.yaml': created,
    'models/spreads/post-create.js':
      'update(read("/bulk", { filter: "n < 1000000", limit: 300 }), [{ op: "addNumber", key: "n", value: 1 }]);',
  },
  { REALLY_LIMITS_HOOK_ATTEMPTS: '2', REALLY_RATE_COMMANDS: '0' },
);

const kinds = ['endless', 'huge', 'scans', 'spreads'] as const;

async function attacker(): Promise<Client> {
  const client = await Client.open(server.socketUrl, { localAddress: attackerAddress });
  await client.request({ cmd: 'initialize', accessToken: signToken({ uid: 'attacker' }) });
  return client;
}

async function fill(client: Client): Promise<void> {
  for (let from = 0; from < 2000; from += 100) {
    const commands = Array.from({ length: 100 }, (_, n) => {
      const text = `${from + n} `.repeat(400);
      return { cmd: 'create', r: `/bulk/${from + n}`, body: { text } };
    });
    expect((await client.request({ cmd: 'batch', body: { commands } })).error).toBeUndefined();
  }
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

test('[HRD1] [POST12] post hooks that read without end, or as much as they may, harm nobody', async () => {
  using client = await attacker();
  await fill(client);
  await expectUnharmed(server, {
    memory: 600 * 1024 * 1024,
    attack: async (until) => {
      for (let n = 0; !until.aborted; n++) {
        const r = `/${kinds[n % kinds.length]}`;
        await client.request({ cmd: 'create', r, body: {} });
        // As many as there are threads and slots for, without a backlog that outlasts the test.
        while (!until.aborted && (await metric('really_post_hooks_pending')) > 40) {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
    },
  });
  const done = () => metric('really_post_hooks_total\\{outcome="done"\\}');
  await expect.poll(done).toBeGreaterThan(0);
});
