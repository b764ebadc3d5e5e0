import { performance } from 'node:perf_hooks';
import type { JsonObject } from '@really/protocol';
import { serverUrl } from '../../app/config/operator-access.js';
import { withSecret } from '../../app/config/selected-apps.js';
import { mintToken } from '../../app/offline/mint-token.js';
import { StartError } from '../../app/start-error.js';
import { configInForce, type ProgramOptions } from '../config-flags.js';
import { type ExitCode, printLine } from '../report-error.js';
import { anonymousToken, BenchClient } from './bench-client.js';
import type { BenchOptions } from './bench-options.js';
import { benchReport } from './bench-report.js';
import { type Measured, measure } from './measure.js';

/** Lifetime of a benchmark's token in milliseconds. */
const tokenLife = 60 * 60 * 1000;

/** `really bench`: loads a running server and prints throughput and latencies. */
export async function bench(options: ProgramOptions): Promise<ExitCode> {
  // Commander has parsed and validated the options.
  const given = options as unknown as BenchOptions;
  const { port } = options;
  const url = given.url ?? serverUrl(configInForce('development', { port }));
  const chosen = { ...given, url };
  const clients: BenchClient[] = [];
  try {
    printLine(`opening ${chosen.connections} connections to ${url}`);
    await connectAll(chosen, clients);
    const results = await measureAll(chosen, clients);
    process.stdout.write(benchReport(results));
    reportLimited(results);
    return 0;
  } catch (error) {
    throw new StartError([`the benchmark of ${url} stopped: ${reasonOf(error)}`], error);
  } finally {
    for (const client of clients) client.close();
  }
}

type BenchTarget = BenchOptions & { readonly url: string };

async function connectAll(options: BenchTarget, clients: BenchClient[]): Promise<void> {
  const tokens = await tokensFor(options);
  for (let n = 0; n < options.connections; n++) {
    const token = tokens[n % tokens.length] ?? '';
    clients.push(await BenchClient.connect(options.url, token));
  }
}

/** A user for each connection, if the secret is known: limits are per uid. */
async function tokensFor({ token, secret, connections, url }: BenchTarget): Promise<string[]> {
  if (token !== undefined) return [token];
  if (secret === undefined) return [await anonymousToken(url)];
  const config = withSecret(configInForce('development', {}), secret);
  const uids = Array.from({ length: connections }, (_, n) => `bench-${n}`);
  return await Promise.all(uids.map((uid) => mintToken(config, { uid, life: tokenLife })));
}

function reportLimited(results: readonly Measured[]): void {
  const limited = results.reduce((sum, result) => sum + result.limited, 0);
  if (limited === 0) return;
  printLine(
    `${limited} requests were over a rate limit and waited: rate.commands and rate.address of the server limit these results (0 is off)`,
  );
}

async function measureAll(
  options: BenchOptions,
  clients: readonly BenchClient[],
): Promise<Measured[]> {
  const { time, inFlight, r, body, op } = options;
  const run = (name: string, message: JsonObject) => {
    const workers = clients.flatMap((client) =>
      Array.from({ length: inFlight }, () => () => client.request(message)),
    );
    return measure(name, workers, time);
  };
  const results = [await run('ping', { cmd: 'ping' })];
  if (r === undefined) return results;
  results.push(await run('create', { cmd: 'create', r, body }));
  if (op !== undefined) results.push(...(await measureUpdates(options, clients, op)));
  return results;
}

/** Each connection updates an object of its own, and receives its own changes. */
async function measureUpdates(
  { r = '', body, inFlight, time }: BenchOptions,
  clients: readonly BenchClient[],
  op: JsonObject,
): Promise<Measured[]> {
  const pushes: number[] = [];
  const updates = await Promise.all(
    clients.map((client) => updateOf(client, { r, body, op, pushes })),
  );
  const workers = updates.flatMap((update) => Array.from({ length: inFlight }, () => update));
  const begun = performance.now();
  const updated = await measure('update', workers, time);
  // An answer to a ping comes after the pushes that were under way.
  await Promise.all(clients.map((client) => client.request({ cmd: 'ping' })));
  const seconds = (performance.now() - begun) / 1000;
  const latencies = pushes.sort((a, b) => a - b);
  return [updated, { name: 'write to push', seconds, latencies, limited: 0 }];
}

/** Creates and subscribes to an object, and resolves with what updates it. `pushes` gets the ms until each push. */
async function updateOf(
  client: BenchClient,
  { r, body, op, pushes }: { r: string; body: JsonObject; op: JsonObject; pushes: number[] },
): Promise<() => Promise<void>> {
  const created = await client.request({ cmd: 'create', r, body });
  const own = String(created.body?._r);
  /** Send times of the updates whose pushes have not arrived: pushes come in this order. */
  const waiting: number[] = [];
  client.onPush = ({ evt }) => {
    const sent = evt === 'updated' ? waiting.shift() : undefined;
    if (sent !== undefined) pushes.push(performance.now() - sent);
  };
  await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r: own, rev: 1 }] } });
  let known = 1;
  return async () => {
    const sent = performance.now();
    waiting.push(sent);
    const message = { cmd: 'update', r: own, rev: known, body: { ops: [op] } };
    try {
      const { rev = 0 } = await client.request(message);
      known = Math.max(known, rev);
    } catch (error) {
      // Refused updates are not pushed.
      waiting.splice(waiting.indexOf(sent), 1);
      throw error;
    }
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return cause || error.message || 'it cannot be reached';
}
