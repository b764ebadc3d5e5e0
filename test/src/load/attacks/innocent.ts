// A process of its own with two clients that do what people do: they write, read, list and ask over HTTP, one thing after the
// other. Each second it tells how long each took, as one line of JSON.
import { Client, type ServerMessage } from '../../harness/client.js';

const [url = '', socketUrl = '', ...tokens] = process.argv.slice(2);
/** Milliseconds between two things. */
const pause = 10;

interface Sample {
  /** Milliseconds. */
  readonly took: number;
  /** What went wrong: `503 server.unavailable`, `closed`. */
  readonly failure?: string | undefined;
}

let samples: Sample[] = [];

function failureOf({ error }: ServerMessage): string | undefined {
  return error && `${error.code} ${error.message}`;
}

async function timed(what: () => Promise<string | undefined>): Promise<void> {
  const begun = performance.now();
  let failure: string | undefined;
  try {
    failure = await what();
  } catch (error) {
    failure = `${(error as Error).message}`;
  }
  samples.push({ took: performance.now() - begun, failure });
  await new Promise((resolve) => setTimeout(resolve, pause));
}

async function live(token: string, owner: string): Promise<never> {
  const client = await Client.connect(socketUrl, token);
  const headers = { authorization: `Bearer ${token}` };
  const ask = async (message: Parameters<Client['request']>[0]) =>
    failureOf(await client.request(message));
  let made = await client.request({ cmd: 'create', r: '/innocents', body: { owner } });
  for (let round = 0; ; round++) {
    const r = String(made.body._r);
    await timed(() => ask({ cmd: 'get', r }));
    const ops = [{ op: 'addNumber', key: 'score', value: 1 }];
    await timed(() => ask({ cmd: 'update', r, rev: 1, body: { ops } }));
    const query = { filter: 'owner = $me', values: { me: owner } };
    await timed(() => ask({ cmd: 'read', r: '/innocents', cmdOpts: { query, limit: 10 } }));
    await timed(async () => {
      const { status } = await fetch(`${url}/v0.1${r}`, { headers });
      return status === 200 ? undefined : `HTTP ${status}`;
    });
    if (round % 5 === 4) {
      await timed(async () => {
        made = await client.request({ cmd: 'create', r: '/innocents', body: { owner } });
        return failureOf(made);
      });
    }
  }
}

setInterval(() => {
  process.stdout.write(`${JSON.stringify(samples)}\n`);
  samples = [];
}, 250);
process.on('disconnect', () => process.exit());
await Promise.all(tokens.map((token, index) => live(token, `innocent-${index}`)));
