import { performance } from 'node:perf_hooks';
import type { JsonObject } from '@really/protocol';
import type { Config } from '../../app/config/config-definition.js';
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
  const chosen = { ...given, url: given.url ?? serverUrl(folderConfig(options)) };
  const clients: BenchClient[] = [];
  try {
    printLine(`opening ${chosen.connections} connections to ${chosen.url}`);
    await connectAll(chosen, clients);
    const results = await measureAll(chosen, clients);
    process.stdout.write(benchReport(results));
    reportLimited(results);
    return 0;
  } catch (error) {
    throw new StartError([`the benchmark of ${chosen.url} stopped: ${reasonOf(error)}`], error);
  } finally {
    for (const client of clients) client.close();
  }
}

/** The flags that select the server of the current folder. */
function folderConfig({ port }: ProgramOptions): Config {
  return configInForce('development', { port });
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
  const { time, r, body, op } = options;
  const run = (name: string, operation: (client: BenchClient) => () => Promise<unknown>) => {
    const workers = clients.flatMap((client) =>
      Array.from({ length: options.inFlight }, () => operation(client)),
    );
    return measure({ name, concurrency: workers, time });
  };
  const results = [await run('ping', (client) => () => client.request({ cmd: 'ping' }))];
  if (r === undefined) return results;
  results.push(await run('create', (client) => () => client.request({ cmd: 'create', r, body })));
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
  const owned = await Promise.all(
    clients.map((client) => OwnObject.create(client, { r, body, op, pushes })),
  );
  const workers = owned.flatMap((ownedObject) =>
    Array.from({ length: inFlight }, () => () => ownedObject.update()),
  );
  const begun = performance.now();
  const updates = await measure({ name: 'update', concurrency: workers, time });
  // An answer to a ping comes after the pushes that were under way.
  await Promise.all(clients.map((client) => client.request({ cmd: 'ping' })));
  const seconds = (performance.now() - begun) / 1000;
  return [
    updates,
    { name: 'write to push', seconds, latencies: pushes.sort((a, b) => a - b), limited: 0 },
  ];
}

/** An object that one connection created, is subscribed to, and updates. */
class OwnObject {
  readonly #client: BenchClient;
  readonly #r: string;
  readonly #op: JsonObject;
  #rev = 1;
  /** Send times of the updates whose pushes have not arrived: pushes come in this order. */
  readonly #sent: number[] = [];

  private constructor(client: BenchClient, r: string, op: JsonObject) {
    this.#client = client;
    this.#r = r;
    this.#op = op;
  }

  static async create(
    client: BenchClient,
    { r, body, op, pushes }: { r: string; body: JsonObject; op: JsonObject; pushes: number[] },
  ): Promise<OwnObject> {
    const created = await client.request({ cmd: 'create', r, body });
    const own = new OwnObject(client, String(created.body?._r), op);
    client.onPush = (push) => own.#onPush(push.evt, pushes);
    const subscriptions = [{ r: own.#r, rev: 1 }];
    await client.request({ cmd: 'subscribe', body: { subscriptions } });
    return own;
  }

  async update(): Promise<void> {
    const sent = performance.now();
    this.#sent.push(sent);
    const body = { ops: [this.#op] };
    const message = { cmd: 'update', r: this.#r, rev: this.#rev, body };
    try {
      const { rev = 0 } = await this.#client.request(message);
      this.#rev = Math.max(this.#rev, rev);
    } catch (error) {
      // Refused updates are not pushed.
      this.#sent.splice(this.#sent.indexOf(sent), 1);
      throw error;
    }
  }

  #onPush(evt: string | undefined, pushes: number[]): void {
    const sent = evt === 'updated' ? this.#sent.shift() : undefined;
    if (sent !== undefined) pushes.push(performance.now() - sent);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return cause || error.message || 'it cannot be reached';
}
