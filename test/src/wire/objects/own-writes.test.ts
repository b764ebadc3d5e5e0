import type { JsonObject } from '@really/protocol';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { describe, expect, test } from 'vitest';
import { Client, type ServerMessage } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer({ REALLY_RATE_COMMANDS: '0', REALLY_RATE_ADDRESS: '0' });

let names = 0;
/** An id that no other test uses. */
const fresh = (collection: string) => `/${collection}/own-${++names}`;

const create = (r: string, body: JsonObject, once?: string): JsonObject => ({
  cmd: 'create',
  r,
  body,
  ...(once !== undefined && { cmdOpts: { once } }),
});
const add = (r: string, once?: string): JsonObject => ({
  cmd: 'update',
  r,
  rev: 1,
  body: { ops: [{ op: 'addNumber', key: 'age', value: 1 }] },
  ...(once !== undefined && { cmdOpts: { once } }),
});
const remove = (r: string, once: string): JsonObject => ({
  cmd: 'delete',
  r,
  cmdOpts: { once },
});
const subscribe = (client: Client, ...subscriptions: JsonObject[]) =>
  client.request({ cmd: 'subscribe', body: { subscriptions } });
const brief = (pushes: readonly ServerMessage[]) =>
  pushes.map(({ evt, rev, meta, body }) => [evt, rev ?? body?._r, meta?.once]);

/** The pushes that came, once there are so many. */
async function next(client: Client, count: number): Promise<ServerMessage[]> {
  const all: ServerMessage[] = [];
  while (all.length < count) all.push(await client.nextPush());
  return all;
}

async function connect(uid: string, more: JsonObject = {}) {
  const client = await Client.open(server.socketUrl);
  const accessToken = signToken({ uid }, testSecret);
  const answer = await client.request({ cmd: 'initialize', accessToken, ...more });
  return { client, handle: answer.body['connection-handle'] as string };
}

/** Everything that comes, in its order: `answer` or the evt of a push. */
function listen(client: Client): string[] {
  const pushed: string[] = [];
  client.socket.on('message', (data) => {
    const { tag, evt, r } = JSON.parse(data.toString()) as ServerMessage;
    pushed.push(tag === undefined ? `${evt} ${r}` : 'answer');
  });
  return pushed;
}

describe('meta.once', () => {
  test('[ONC5] an author recognizes its write on each of its connections, and nobody else receives the id', async () => {
    const r = fresh('users');
    using first = await server.as('amal');
    using second = await server.as('amal', { data: { on: 'a phone' } });
    using other = await server.as('bela');
    await first.request(create(r, { name: 'Amal', age: 0 }));
    for (const client of [first, second, other]) await subscribe(client, { r, rev: 1 });
    await first.request(add(r, 'a-1'));
    await second.request(add(r));
    await second.request(add(r, 'a-2'));
    await other.request(add(r, 'b-1'));
    await first.request(remove(r, 'a-3'));
    const mine = [
      ['updated', 2, 'a-1'],
      ['updated', 3, undefined],
      ['updated', 4, 'a-2'],
      ['updated', 5, undefined],
      ['deleted', 6, 'a-3'],
    ];
    for (const client of [first, second]) expect(brief(await next(client, 5))).toEqual(mine);
    const theirs = await next(other, 5);
    expect(brief(theirs).map(([, , once]) => once)).toEqual([
      ...[undefined, undefined, undefined],
      ...['b-1', undefined],
    ]);
    expect(JSON.stringify(theirs)).not.toContain('"a-');
    // All else is the same for everybody.
    expect(theirs[0]?.meta).toEqual({ opBy: { uid: 'amal' }, at: expect.any(String) });
  });

  test('[ONC5] collections, windows and objects that leave them', async () => {
    const parent = fresh('users');
    const r = `${parent}/posts`;
    using author = await server.as('amal');
    using other = await server.as('bela');
    await author.request(create(parent, { name: 'P' }));
    const window = { cmd: 'read', r, cmdOpts: { subscribe: true, limit: 2, sort: '-likes' } };
    for (const client of [author, other]) {
      await subscribe(client, { r });
      await client.request(window);
    }
    await author.request(create(`${r}/1`, { title: 'one', likes: 1 }, 'c-1'));
    await author.request({
      cmd: 'update',
      r: `${r}/1`,
      rev: 1,
      body: { ops: [{ op: 'set', key: 'title', value: 'One' }] },
      cmdOpts: { once: 'c-2' },
    });
    await author.request(remove(`${r}/1`, 'c-3'));
    const seen = (pushes: readonly ServerMessage[]) =>
      pushes.map(({ evt, meta }) => [evt, meta?.subscription !== undefined, meta?.once]).sort();
    expect(seen(await next(author, 4))).toEqual([
      ['created', false, 'c-1'],
      ['created', true, 'c-1'],
      ['left', true, 'c-3'],
      ['updated', true, 'c-2'],
    ]);
    expect(JSON.stringify(await next(other, 4))).not.toContain('"c-');
  });

  test('[ONC5] of a batch each change has the id', async () => {
    const [a, b] = [fresh('users'), fresh('users')];
    using author = await server.as('amal');
    using other = await server.as('bela');
    await author.request(create(a, { name: 'A', age: 0 }));
    for (const client of [author, other])
      await subscribe(client, { r: a, rev: 1 }, { r: '/users' });
    const commands = [add(a), create(b, { name: 'B' })];
    await author.request({ cmd: 'batch', body: { commands }, cmdOpts: { once: 'batch-1' } });
    const pushes = await next(author, 2);
    expect(pushes.map(({ evt, meta }) => [evt, meta?.once]).sort()).toEqual([
      ['created', 'batch-1'],
      ['updated', 'batch-1'],
    ]);
    expect(JSON.stringify(await next(other, 2))).not.toContain('batch-1');
  });

  test('[ONC5] replays have it, after a restart too: of objects, collections and windows', async () => {
    const [r, gone] = [fresh('users'), fresh('users')];
    const posts = `${r}/posts`;
    const uids = ['amal', 'bela'] as const;
    const marks = { amal: '', bela: '' };
    {
      using author = await server.as('amal');
      await author.request(create(r, { name: 'Amal', age: 0 }));
      await author.request(create(gone, { name: 'gone' }));
      await author.request({ cmd: 'read', r: posts, cmdOpts: { subscribe: true } });
      await author.request(create(`${posts}/0`, { title: 'zero' }));
      const [{ meta } = {}] = await next(author, 1);
      marks.amal = String(meta?.pos);
      marks.bela = marks.amal;
      await author.request(add(r, 'r-1'));
      await author.request({
        cmd: 'batch',
        body: { commands: [add(r), add(r), create(`${posts}/1`, { title: 'one' })] },
        cmdOpts: { once: 'r-2' },
      });
      await author.request(create(`${posts}/2`, { title: 'two' }));
      await author.request(remove(gone, 'r-3'));
    }
    await server.restart();
    for (const uid of uids) {
      using client = await server.as(uid);
      const once = (id: string) => (uid === 'amal' ? id : undefined);
      await subscribe(client, { r, rev: 1 });
      expect(brief(await next(client, 3))).toEqual([
        ['updated', 2, once('r-1')],
        ['updated', 3, once('r-2')],
        ['updated', 4, once('r-2')],
      ]);
      await subscribe(client, { r: gone, rev: 1 });
      expect(brief(await next(client, 1))).toEqual([['deleted', 2, once('r-3')]]);
      const pos = marks[uid];
      await subscribe(client, { r: posts, pos });
      const reported = [
        ['created', `${posts}/1`, once('r-2')],
        ['created', `${posts}/2`, undefined],
      ];
      expect(brief(await next(client, 2))).toEqual(reported);
      await client.request({ cmd: 'read', r: posts, cmdOpts: { subscribe: true, since: pos } });
      expect(brief(await next(client, 2))).toEqual(reported);
    }
  });

  test('[ONC5] so have pushes that a connection resumes with', async () => {
    const r = fresh('users');
    const { client, handle } = await connect('amal');
    await client.request(create(r, { name: 'Amal', age: 0 }));
    await subscribe(client, { r, rev: 1 });
    await client.request(add(r, 's-1'));
    await next(client, 1);
    client.socket.terminate();
    await client.closed;
    using elsewhere = await server.as('amal');
    await elsewhere.request(add(r, 's-2'));
    const resumed = await connect('amal', { 'connection-handle': handle, received: 0 });
    expect(brief(await next(resumed.client, 2))).toEqual([
      ['updated', 2, 's-1'],
      ['updated', 3, 's-2'],
    ]);
    resumed.client.close();
  });

  test('[ONC5] and event streams, by the key of the request', async () => {
    const r = fresh('users');
    using author = await server.as('amal');
    await author.request(create(r, { name: 'Amal', age: 0 }));
    const texts = await Promise.all(
      ['amal', 'bela'].map(async (uid) => {
        const authorization = `Bearer ${signToken({ uid }, testSecret)}`;
        const abort = new AbortController();
        const response = await fetch(`${server.url}/v0.1${r}`, {
          headers: { authorization, accept: 'text/event-stream' },
          signal: abort.signal,
        });
        return { authorization, abort, events: eventsOf(response) };
      }),
    );
    const [mine, theirs] = texts;
    const { value: begun } = (await mine?.events.next()) ?? {};
    expect(begun?.event).toBe('snapshot');
    await theirs?.events.next();
    const response = await fetch(`${server.url}/v0.1${r}`, {
      method: 'PATCH',
      headers: {
        authorization: mine?.authorization ?? '',
        'if-match': '1',
        'idempotency-key': 'e-1',
      },
      body: JSON.stringify({ ops: [{ op: 'addNumber', key: 'age', value: 1 }] }),
    });
    expect(response.status).toBe(200);
    const { value: own } = (await mine?.events.next()) ?? {};
    expect(JSON.parse(own?.data ?? '{}')).toMatchObject({ rev: 2, meta: { once: 'e-1' } });
    const { value: other } = (await theirs?.events.next()) ?? {};
    expect(other?.data).toContain('"rev":2');
    expect(other?.data).not.toContain('"e-1');
    for (const { abort } of texts) abort.abort();
  });

  test('[ONC5] no answer, page or document shows an id', async () => {
    const r = fresh('users');
    using author = await server.as('amal');
    await author.request(create(r, { name: 'Amal', age: 0 }, 'hidden-1'));
    await author.request(add(r, 'hidden-2'));
    const answers = await Promise.all([
      author.request({ cmd: 'get', r }),
      author.request({ cmd: 'read', r: '/users' }),
      author.request(add(r, 'hidden-2')),
    ]);
    expect(JSON.stringify(answers)).not.toContain('hidden-');
  });
});

describe('the answer comes before the push', () => {
  test('[ONC6] of single commands, sent one after the other or all at once', async () => {
    const r = fresh('users');
    using client = await server.as('amal');
    await client.request(create(r, { name: 'Amal', age: 0 }));
    await subscribe(client, { r, rev: 1 });
    const pushed: [string, unknown][] = [];
    client.socket.on('message', (data) => {
      const { tag, rev } = JSON.parse(data.toString()) as ServerMessage;
      pushed.push([tag === undefined ? 'push' : 'answer', rev]);
    });
    await Promise.all(Array.from({ length: 50 }, (_, n) => client.request(add(r, `p-${n}`))));
    await next(client, 50);
    for (let rev = 2; rev <= 51; rev++) {
      const own = pushed.filter(([, one]) => one === rev).map(([kind]) => kind);
      expect(own, `revision ${rev}`).toEqual(['answer', 'push']);
    }
  });

  test('[ONC6] of a batch whose answer takes a script longer than its pushes', async () => {
    const r = fresh('users');
    using client = await server.as('amal');
    await client.request(create(r, { name: 'Amal', age: 0 }));
    await subscribe(client, { r, rev: 1 });
    const pushed = listen(client);
    for (let n = 0; n < 10; n++) {
      // What the creator may see of a person is for a script to say.
      const commands = [add(r), create(fresh('people'), { name: 'x' })];
      await client.request({ cmd: 'batch', body: { commands } });
      await next(client, 1);
    }
    expect(pushed).toEqual(Array.from({ length: 10 }, () => ['answer', `updated ${r}`]).flat());
  });

  test('[ONC6] of a command that is repeated while the first is under way', async () => {
    const r = fresh('users');
    using client = await server.as('amal');
    await client.request(create(r, { name: 'Amal', age: 0 }));
    await subscribe(client, { r, rev: 1 });
    const pushed = listen(client);
    const batch = (once: string): JsonObject => ({
      cmd: 'batch',
      body: { commands: [add(r), create('/people', { name: 'x' })] },
      cmdOpts: { once },
    });
    for (let n = 0; n < 10; n++) {
      for (const command of [add(r, `t-${n}`), batch(`u-${n}`)]) {
        const answers = await client.requestTogether([command, command]);
        expect(answers.map(({ meta }) => meta?.repeated)).toEqual([undefined, true]);
        await next(client, 1);
      }
    }
    const round = ['answer', 'answer', `updated ${r}`];
    expect(pushed).toEqual(Array.from({ length: 20 }, () => round).flat());
  });

  test('[ONC6] of windows that are read again while writes go on', async () => {
    const parent = fresh('users');
    const r = `${parent}/posts`;
    using client = await server.as('amal');
    await client.request(create(parent, { name: 'P' }));
    await client.request({
      cmd: 'read',
      r,
      cmdOpts: { subscribe: true, limit: 2, sort: '-likes' },
    });
    const answered = new Set<string>();
    const early: string[] = [];
    client.socket.on('message', (data) => {
      const { tag, evt, r: at, body } = JSON.parse(data.toString()) as ServerMessage;
      const id = String(body?._r ?? at);
      if (tag !== undefined) answered.add(id);
      else if (evt !== 'left' && !answered.has(id)) early.push(`${evt} ${id}`);
    });
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 10 }, (_, n) => {
          const id = `${r}/${round}-${n}`;
          return client.request(
            create(id, { title: 'x', likes: 1000 - round * 10 - n }, id.slice(-20)),
          );
        }),
      );
      // What leaves makes the window look for what comes in its place.
      await client.request({ cmd: 'delete', r: `${r}/${round}-0` });
    }
    await client.pushesUntilNow();
    expect(early).toEqual([]);
  });
});

async function* eventsOf(response: Response): AsyncGenerator<EventSourceMessage, undefined> {
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    yield* events.splice(0);
  }
  return undefined;
}
