// A process of its own with a client that asks for little, again and again. It tells over IPC what happened to it between
// `begin` and `end`.
import { Client } from '../../harness/client.js';

export interface BystanderReport {
  /** Milliseconds that it waited for an answer at most. */
  longest: number;
  /** What it was not answered as it should be: `503 server.unavailable`. */
  readonly failures: string[];
}

const [url = '', socketUrl = '', token = ''] = process.argv.slice(2);
const r = '/things/0';
/** Milliseconds between two things that it asks. */
const pause = 5;

let seen: BystanderReport = { longest: 0, failures: [] };
let isOver = false;

process.on('message', (what) => {
  if (what === 'begin') seen = { longest: 0, failures: [] };
  else isOver = true;
});
process.on('disconnect', () => process.exit());

async function timed(ask: () => Promise<string | undefined>): Promise<void> {
  const mine = seen;
  const begun = performance.now();
  const failure = await ask().catch((error: Error) => error.message);
  mine.longest = Math.max(mine.longest, performance.now() - begun);
  if (failure !== undefined) mine.failures.push(failure);
}

const client = await Client.connect(socketUrl, token);
const headers = { authorization: `Bearer ${token}` };
process.send?.('ready');
for (;;) {
  const isLast = isOver;
  await timed(async () => {
    const { error } = await client.request({ cmd: 'get', r });
    return error && `${error.code} ${error.message}`;
  });
  await timed(async () => {
    const answer = await fetch(`${url}/v0.1${r}?fields=n`, { headers });
    await answer.arrayBuffer();
    return answer.status === 200 ? undefined : `HTTP ${answer.status}`;
  });
  if (isLast) {
    process.send?.(seen);
    isOver = false;
  }
  await new Promise((resolve) => setTimeout(resolve, pause));
}
