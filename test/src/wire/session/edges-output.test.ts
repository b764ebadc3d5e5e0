import type { JsonObject } from '@really/protocol';
import { beforeAll, expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';

const app = {
  'models/big/model.yaml': `version: 1
fields: { n: { type: Long }, text: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`,
};
const server = wireServer({ REALLY_RATE_COMMANDS: '0' }, app);
/** Where one object is more than may wait. */
const narrow = wireServer({ REALLY_RATE_COMMANDS: '0', REALLY_LIMITS_OUTPUT_BUFFER: '20000' }, app);

const half = 'x'.repeat(500_000);
const count = 30;

const create = (client: Client, r: string, body: JsonObject) =>
  client.request({ cmd: 'create', r, body });
const update = (client: Client, r: string, rev: number, ...ops: JsonObject[]) =>
  client.request({ cmd: 'update', r, rev, body: { ops } });

/** How many connections are behind. */
async function congested(): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^really_congested_connections\S* (\d+)/m.exec(metrics)?.[1]);
}

beforeAll(async () => {
  using client = await server.as('seeder');
  for (let n = 0; n < count; n++) await create(client, `/big/${n}`, { n, text: half });
});

test('[LIM4] a client that reads gets pipelined responses of 15 MB in all', async () => {
  using client = await server.as('reader');
  const all = await Promise.all(
    Array.from({ length: count }, (_, n) => client.request({ cmd: 'get', r: `/big/${n}` })),
  );
  expect(all.map(({ body }) => body.n)).toEqual(Array.from({ length: count }, (_, n) => n));
  const subscriptions = Array.from({ length: count }, (_, n) => ({ r: `/big/${n}` }));
  await client.request({ cmd: 'subscribe', body: { subscriptions } });
  for (let n = 0; n < count; n++) expect((await client.nextPush()).evt).toBe('snapshot');
});

test('[LIM4] [REA5] a large page ends early, and paging continues in both directions', async () => {
  using client = await server.as('walker');
  const pageAt = async (paginationToken?: string) => {
    const cmdOpts = { sort: 'n', limit: 20, ...(paginationToken && { paginationToken }) };
    const { body } = await client.request({ cmd: 'read', r: '/big', cmdOpts });
    const items = body.items.map((item: { body: { n: number } }) => item.body.n);
    return { items: items as number[], tokens: body.tokens };
  };
  const pages: number[][] = [];
  let page = await pageAt();
  let last = page;
  for (; page.items.length > 0; page = await pageAt(page.tokens.nextToken)) {
    pages.push(page.items);
    last = page;
  }
  // 3 MiB are six of these.
  expect(pages.map((items) => items.length)).toEqual([6, 6, 6, 6, 6]);
  expect(pages.flat()).toEqual(Array.from({ length: count }, (_, n) => n));
  const back: number[][] = [];
  for (page = last; page.items.length > 0; page = await pageAt(page.tokens.prevToken)) {
    back.unshift(page.items);
  }
  expect(back).toEqual(pages);
});

test('[LIM4] [REA11] a window that is too large for one response is refused, and leaves nothing behind', async () => {
  using client = await server.as('watcher');
  const read = (limit: number) =>
    client.request({ cmd: 'read', r: '/big', cmdOpts: { subscribe: true, limit, sort: 'n' } });
  const refused = await read(20);
  expect(refused.error).toEqual({
    code: 400,
    message: 'request.invalid',
    errors: { 'cmdOpts.limit': ['window.too.large'] },
  });
  expect((await read(2)).body.items).toHaveLength(2);
});

test('[LIM4] requests wait unread while their answers are not read, and are answered when they are', async () => {
  using client = await server.as('patient');
  client.socket.pause();
  const answers = Array.from({ length: 80 }, (_, n) =>
    client.request({ cmd: 'get', r: `/big/${n % count}` }),
  );
  await expect.poll(congested, { interval: 50 }).toBe(1);
  client.socket.resume();
  expect((await Promise.all(answers)).map(({ body }) => body.n)).toEqual(
    Array.from({ length: 80 }, (_, n) => n % count),
  );
  await expect.poll(congested, { interval: 50 }).toBe(0);
});

test('[LIM4] [SES11] a client with too much waiting output is closed with 1013, and its writes are kept', async () => {
  using one = await narrow.as('one');
  one.send({ tag: 1, cmd: 'create', r: '/big/0', body: { n: 7, text: half } });
  expect((await one.closed).code).toBe(1013);
  using other = await narrow.as('other');
  const { body } = await other.request({ cmd: 'get', r: '/big/0', cmdOpts: { fields: ['n'] } });
  expect(body.n).toBe(7);
});

test('[LIM4] [SUB7] a client that does not read for a while receives one snapshot for what it missed, and continues', async () => {
  using writer = await server.as('writer');
  using slow = await server.as('slow');
  await create(writer, '/big/busy', { n: 0 });
  await create(writer, '/big/calm', { n: 0 });
  const subscriptions = [{ r: '/big/busy' }, { r: '/big/calm', fields: ['n'] }];
  await slow.request({ cmd: 'subscribe', body: { subscriptions } });
  for (let n = 0; n < 2; n++) await slow.nextPush();
  slow.socket.pause();
  const rounds = 160;
  const text = 'x'.repeat(100_000);
  for (let rev = 1; rev <= rounds; rev++) {
    const key = { op: 'set', key: 'text', value: `${text}${rev}` };
    await update(writer, '/big/busy', rev, key);
    await update(writer, '/big/calm', rev, { op: 'addNumber', key: 'n', value: 1 });
  }
  slow.socket.resume();
  const received: Record<string, ServerMessage[]> = { '/big/busy': [], '/big/calm': [] };
  const isBehind = (pushes: ServerMessage[]) => (pushes.at(-1)?.rev ?? 0) <= rounds;
  while (Object.values(received).some(isBehind)) {
    const push = await slow.nextPush();
    received[push.r ?? '']?.push(push);
  }
  for (const pushes of Object.values(received)) {
    let rev = 1;
    for (const push of pushes) {
      if (push.evt === 'updated') expect(push.rev).toBe(rev + 1);
      else expect(push.evt).toBe('snapshot');
      rev = push.rev ?? 0;
    }
    expect(pushes.length).toBeLessThan(rounds);
  }
  await update(writer, '/big/busy', rounds + 1, { op: 'set', key: 'n', value: 1 });
  expect(await slow.nextPush()).toMatchObject({ evt: 'updated', rev: rounds + 2 });
});
