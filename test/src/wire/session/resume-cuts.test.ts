import { connect, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client, type ServerMessage } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();

/** A wire between clients and the server that can be cut within a frame. */
class Wire {
  #server: Server | undefined;
  /** Bytes that still come through to the client of the next connection. */
  bytes = Number.POSITIVE_INFINITY;
  /** Whether the server learns of the cut; else its side seems alive. */
  isNoticed = true;
  readonly #held: Socket[] = [];

  async open(): Promise<void> {
    const port = Number(new URL(server.url).port);
    this.#server = createServer((near) => this.#join(near, connect(port, '127.0.0.1')));
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    const address = this.#server?.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return `ws://127.0.0.1:${port}/v0.1/socket`;
  }

  close(): void {
    for (const socket of this.#held) socket.destroy();
    this.#server?.close();
  }

  #join(near: Socket, far: Socket): void {
    let { bytes } = this;
    const { isNoticed } = this;
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far, { end: isNoticed });
    far.on('data', (data: Buffer) => {
      near.write(data.subarray(0, Math.max(0, bytes)));
      bytes -= data.length;
      if (bytes > 0) return;
      near.end();
      if (isNoticed) far.destroy();
      else this.#held.push(far);
    });
    far.on('close', () => near.destroy());
    near.on('close', () => {
      if (isNoticed) far.destroy();
    });
  }
}

const wire = new Wire();
beforeAll(async () => await wire.open());
afterAll(() => wire.close());

const cut = fc.record({
  bytes: fc.integer({ min: 400, max: 6000 }),
  isNoticed: fc.boolean(),
  writes: fc.integer({ min: 1, max: 25 }),
  away: fc.integer({ min: 0, max: 10 }),
});

let run = 0;

test('[RES1] [RES2] [RES4] cut off at any byte, noticed or not: each revision once, in order, of all that was subscribed', async () => {
  using writer = await server.as('writer');
  const cuts = fc.array(cut, { minLength: 1, maxLength: 4 });
  const play = async (all: readonly (typeof cut extends fc.Arbitrary<infer C> ? C : never)[]) => {
    const r = `/users/cut-${++run}`;
    let rev = 1;
    await writer.request({ cmd: 'create', r, body: { name: 'n', score: 0 } });
    const write = async (count: number) => {
      const ops = [{ op: 'addNumber', key: 'score', value: 1 }];
      for (let at = 0; at < count; at++) {
        const { rev: next } = await writer.request({ cmd: 'update', r, rev, body: { ops } });
        rev = next ?? rev;
        await writer.request({
          cmd: 'create',
          r: `${r}/posts/${1000 + rev}`,
          body: { title: 't' },
        });
      }
    };
    const pushed: ServerMessage[] = [];
    let received = 0;
    let client: Client | undefined;
    let handle: string | undefined;
    /** Takes what has come, and counts it. */
    const listen = () => {
      const some = client?.pushes.splice(0) ?? [];
      received += some.length;
      pushed.push(...some);
    };
    const initialize = async (options: { bytes: number; isNoticed: boolean }) => {
      Object.assign(wire, options);
      const next = await Client.open(wire.url);
      const answer = await next.request({
        cmd: 'initialize',
        accessToken: signToken({ uid: 'cut' }, testSecret),
        ...(handle !== undefined && { 'connection-handle': handle, received }),
      });
      if (handle !== undefined) expect(answer.body.resumed).toBe(true);
      client = next;
      handle = answer.body['connection-handle'];
      received = 0;
    };
    const whole = { bytes: Number.POSITIVE_INFINITY, isNoticed: true };
    await initialize(whole);
    await client?.request({
      cmd: 'subscribe',
      body: { subscriptions: [{ r, rev: 1 }, { r: `${r}/posts` }] },
    });
    const cmdOpts = { subscribe: true, query: { filter: "title = 't'" } };
    await client?.request({ cmd: 'read', r: `${r}/posts`, cmdOpts });
    client?.socket.terminate();
    await client?.closed;
    for (const { bytes, isNoticed, writes, away } of all) {
      // The handshake and the answer come through in any case.
      await initialize({ bytes: bytes + 600, isNoticed });
      await write(writes);
      // Where it was not cut by now, it is cut here.
      if (client?.socket.readyState === 1) await client.request({ cmd: 'ping' }).catch(() => {});
      client?.socket.terminate();
      await client?.closed;
      listen();
      await write(away);
    }
    await initialize(whole);
    await write(1);
    await expect
      .poll(() => {
        listen();
        return pushed.length;
      })
      .toBeGreaterThanOrEqual(3 * (rev - 1));
    await client?.request({ cmd: 'ping' });
    listen();
    client?.socket.terminate();
    const expected = Array.from({ length: rev - 1 }, (_, at) => at + 2);
    const updates = pushed.filter((push) => push.evt === 'updated');
    expect(updates.map((push) => push.rev)).toEqual(expected);
    const created = pushed.filter((push) => push.evt === 'created');
    for (const ofQuery of [false, true]) {
      const own = created.filter(({ meta }) => (meta?.subscription !== undefined) === ofQuery);
      const ids = own.map(({ body }) => Number(String(body._r).split('/').at(-1)) - 1000);
      expect(ids).toEqual(expected);
    }
    expect(pushed).toHaveLength(updates.length + created.length);
  };
  await fc.assert(fc.asyncProperty(cuts, play), { numRuns: 25, interruptAfterTimeLimit: 60_000 });
});
