import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { type Log, readConfig, startServer } from '@really/server/internal';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { wireApp } from './app.js';

interface Api {
  readonly trace: { setGlobalTracerProvider(provider: unknown): boolean; disable(): void };
}

// The very module that the server finds.
const serverRequire = createRequire(
  new URL('../../../packages/server/package.json', import.meta.url),
);
const api: Api = serverRequire('@opentelemetry/api');

const exporter = new InMemorySpanExporter();
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

let app: AppFolder;
let server: Awaited<ReturnType<typeof startServer>>;

async function start() {
  const environment = { REALLY_SECRET: testSecret, REALLY_STORE: 'memory', REALLY_PORT: '0' };
  const config = readConfig({ mode: 'development', folder: app.dir, environment, flags: {} });
  return await startServer(config);
}

beforeAll(async () => {
  app = await appFolder(wireApp);
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  api.trace.setGlobalTracerProvider(provider);
  server = await start();
});

afterAll(async () => {
  await server.close();
  api.trace.disable();
  await app[Symbol.asyncDispose]();
});

beforeEach(() => exporter.reset());

const connect = (to = server, uid = 'one') =>
  Client.connect(`${to.url.replace('http', 'ws')}/v0.1/socket`, signToken({ uid }, testSecret));

const http = (path: string, init: { method?: string; headers?: object; body?: string } = {}) =>
  fetch(`${server.url}/v0.1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${signToken({ uid: 'one' }, testSecret)}`, ...init.headers },
  });

/** Spans that ended, of one trace. */
function spansOf(trace: string): ReadableSpan[] {
  return exporter.getFinishedSpans().filter((span) => span.spanContext().traceId === trace);
}

function named(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const found = spans.filter((span) => span.name === name);
  if (found.length !== 1) throw new Error(`${found.length} spans ${name}`);
  return found[0] as ReadableSpan;
}

test('[TRC1] [TRC2] a write is one trace from its frame to the commit and the pushes', async () => {
  using author = await connect();
  using reader = await connect(server, 'two');
  await author.request({ cmd: 'create', r: '/users/t1', body: { name: 'T' } });
  await reader.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/users/t1' }] } });
  await reader.nextPush();
  exporter.reset();
  const ops = [{ op: 'set', key: 'name', value: 'U' }];
  await author.request({ cmd: 'update', r: '/users/t1', rev: 1, body: { ops }, traceId });
  await reader.nextPush();
  const spans = spansOf(traceId);
  const command = named(spans, 'command');
  expect(command.attributes).toEqual({
    'really.cmd': 'update',
    'really.r': '/users/t1',
    'really.trace_id': traceId,
    'really.result': 'ok',
  });
  const commit = named(spans, 'commit');
  const push = named(spans, 'push');
  for (const part of [commit, push]) {
    expect(part.parentSpanContext?.spanId).toBe(command.spanContext().spanId);
  }
  expect(commit.attributes).toEqual({ 'really.result': 'committed', 'really.commit.groups': 1 });
  expect(push.attributes).toEqual({ 'really.r': '/users/t1', 'really.pushes': 1 });
});

test('[TRC1] creations and live queries are pushed within the trace, and a batch is one trace', async () => {
  using author = await connect();
  using reader = await connect(server, 'two');
  await reader.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/users' }] } });
  const query = { filter: 'age > 1' };
  await reader.request({ cmd: 'read', r: '/users', cmdOpts: { query, subscribe: true } });
  exporter.reset();
  const create = (name: string) => ({ cmd: 'create', r: '/users', body: { name, age: 2 } });
  const body = { commands: [create('one'), create('two')] };
  await author.request({ cmd: 'batch', body, traceId });
  for (let pushes = 0; pushes < 4; pushes++) await reader.nextPush();
  const names = spansOf(traceId).map(({ name }) => name);
  expect(names.toSorted()).toEqual(['command', 'commit', 'push', 'push', 'push', 'push']);
});

test('[TRC2] over HTTP traceparent is the parent, with its flags', async () => {
  const parent = '00f067aa0ba902b7';
  const traced = await http('/users', {
    method: 'POST',
    headers: { traceparent: `00-${traceId}-${parent}-01` },
    body: '{"name":"H"}',
  });
  expect(traced.status).toBe(201);
  const command = named(spansOf(traceId), 'command');
  expect(command.parentSpanContext).toMatchObject({ spanId: parent, isRemote: true });
  exporter.reset();
  // The caller decided that this trace is not sampled.
  await http('/users?count', { headers: { traceparent: `00-${traceId}-${parent}-00` } });
  expect(spansOf(traceId)).toEqual([]);
});

test('[HTTP2] OpenMetrics has exemplars that lead to traces', async () => {
  using client = await connect();
  await client.request({ cmd: 'count', r: '/users', traceId });
  const scrape = async (accept: string) => {
    const answer = await fetch(`${server.url}/metrics`, { headers: { accept } });
    return { type: answer.headers.get('content-type'), text: await answer.text() };
  };
  const prometheus =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  const open = await scrape(prometheus);
  expect(open.type).toContain('application/openmetrics-text');
  expect(open.text).toMatch(new RegExp(`cmd="count"\\} \\d+ # \\{trace_id="${traceId}"\\} `));
  for (const accept of ['*/*', 'text/plain', 'text/plain, application/openmetrics-text;q=0.5']) {
    const plain = await scrape(accept);
    expect(plain.type).toContain('text/plain');
    expect(plain.text).not.toContain('trace_id');
  }
});

test('[TRC2] any other traceId begins a new trace that has it as an attribute', async () => {
  using client = await connect();
  for (const [name, text] of [
    ['get', 'my-request'],
    ['count', '0'.repeat(32)],
  ] as const) {
    const r = name === 'get' ? '/users/none' : '/users';
    await client.request({ cmd: name, r, traceId: text });
    const span = exporter.getFinishedSpans().find((one) => one.attributes['really.cmd'] === name);
    expect(span?.attributes['really.trace_id']).toBe(text);
    expect(span?.parentSpanContext).toBeUndefined();
  }
});

test('[TRC1] a failure of the server marks its span, a refusal does not', async () => {
  await http('/people', { method: 'POST', body: '{"name":"thrower"}' });
  await http('/people', { method: 'POST', body: '{"name":"root"}' });
  const seen = exporter.getFinishedSpans().map(({ attributes, status }) => {
    return [attributes['really.result'], status.code];
  });
  expect(seen).toEqual([
    ['500', 2],
    ['422', 0],
  ]);
});

test('[TRC1] a server that starts without an SDK traces nothing', async () => {
  api.trace.disable();
  const untraced = await start();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  api.trace.setGlobalTracerProvider(provider);
  using client = await connect(untraced);
  await client.request({ cmd: 'create', r: '/users', body: { name: 'N' }, traceId });
  await untraced.close();
  expect(exporter.getFinishedSpans()).toEqual([]);
});

/** A copy of the API in the app's folder that says that it is of another version. */
function copyOfApi(folder: string, version: string): Api {
  const original = dirname(serverRequire.resolve('@opentelemetry/api'));
  const [root = ''] = original.split(/(?<=@opentelemetry.api)/);
  const copy = join(folder, 'node_modules/@opentelemetry/api');
  cpSync(root, copy, { recursive: true });
  const file = join(copy, original.slice(root.length), 'version.js');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/VERSION = '[^']+'/, `VERSION = '${version}'`));
  return createRequire(join(folder, 'package.json'))('@opentelemetry/api');
}

/** What a server says while an SDK is set up by that copy, and the spans of a create. */
async function tracedBy(theirs: Api, folder: string) {
  api.trace.disable();
  Reflect.deleteProperty(globalThis, Symbol.for('opentelemetry.js.api.1'));
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  theirs.trace.setGlobalTracerProvider(provider);
  const lines: string[] = [];
  const note = (_fields: object, text: string) => void lines.push(text);
  const log: Log = { debug() {}, info: note, warn: note, error: note, child: () => log };
  const environment = { REALLY_SECRET: testSecret, REALLY_STORE: 'memory', REALLY_PORT: '0' };
  const config = readConfig({ mode: 'development', folder, environment, flags: {} });
  const traced = await startServer(config, { log });
  using client = await connect(traced);
  await client.request({ cmd: 'create', r: '/users', body: { name: 'N' }, traceId });
  await traced.close();
  theirs.trace.disable();
  Reflect.deleteProperty(globalThis, Symbol.for('opentelemetry.js.api.1'));
  return { said: lines.filter((line) => /OpenTelemetry/.test(line)), spans: spansOf(traceId) };
}

test('[TRC1] an SDK with an older copy of the API, in the folder of the app, is used', async () => {
  await using folder = await appFolder(wireApp);
  const { said, spans } = await tracedBy(copyOfApi(folder.dir, '1.4.1'), folder.dir);
  expect(said).toEqual(['commands are traced with OpenTelemetry']);
  expect(spans.map(({ name }) => name).toSorted()).toEqual(['command', 'commit']);
});

test('[TRC3] an SDK that is set up and of no use to the server is warned of', async () => {
  await using theirs = await appFolder(wireApp);
  await using folder = await appFolder(wireApp);
  const { said, spans } = await tracedBy(copyOfApi(theirs.dir, '1.4.1'), folder.dir);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('it was set up by @opentelemetry/api 1.4.1, and the server finds none');
  expect(spans).toEqual([]);
});

test.each(['NODE_OPTIONS', '--import'])(
  '[TRC3] what is imported before the server runs once, and not in its threads: %s',
  async (name) => {
    await using folder = await appFolder({
      ...wireApp,
      'first.mjs': `import { appendFileSync } from 'node:fs';\nappendFileSync(${JSON.stringify('ran')}, 'x');\n`,
    });
    const file = join(folder.dir, 'first.mjs');
    const env = name === 'NODE_OPTIONS' ? { NODE_OPTIONS: `--import ${file}` } : {};
    const nodeArgs = name === 'NODE_OPTIONS' ? [] : ['--import', file];
    await using process = await ServerProcess.start({ dir: folder.dir, env, nodeArgs });
    using client = await Client.connect(process.socketUrl, signToken({ uid: 'u' }, testSecret));
    // Through threads of the store and of hooks.
    expect((await client.request({ cmd: 'create', r: '/people', body: { name: 'n' } })).error).toBe(
      undefined,
    );
    expect(readFileSync(join(folder.dir, 'ran'), 'utf8')).toBe('x');
  },
);
