import { errorTable } from '@really/protocol';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { Client, type ServerMessage } from '../harness/client.js';
import { wireServer } from '../wire/wire-server.js';
import { broken, goodRequest, oddValue } from './arbitraries.js';
import { fillFuzzApp, fuzzApp, secretMarker } from './fuzz-app.js';

const server = wireServer({ REALLY_RATE_COMMANDS: '0', REALLY_RATE_ADDRESS: '0' }, fuzzApp);

beforeAll(() => fillFuzzApp(server));

/** Every answer is one that the protocol knows, and none is a 500. */
function check(message: ServerMessage): void {
  const text = JSON.stringify(message);
  expect(text).not.toContain(secretMarker);
  for (const error of errorsIn(message)) {
    const known = (errorTable as Record<string, { code: number } | undefined>)[error.message];
    expect(known?.code, text).toBe(error.code);
    expect(error.code, text).toBeLessThan(500);
  }
}

function errorsIn(message: ServerMessage): { code: number; message: string }[] {
  const failures: { error: { code: number; message: string } }[] = message.body?.failures ?? [];
  return [
    ...(message.error === undefined ? [] : [message.error]),
    ...failures.map((failure) => failure.error),
  ];
}

async function memory(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^(?:really_)?process_resident_memory_bytes\S* (\S+)$/m.exec(text)?.[1]);
}

test('[ERR2] [ENV2] [DUR4] [DUR5] requests with one broken member get one response each, from the table of errors', async () => {
  const client = await server.as('fuzzer');
  let tag = 1_000_000;
  await fc.assert(
    fc.asyncProperty(goodRequest, fc.nat(), oddValue, async (request, where, value) => {
      const message = { ...(broken(request, where, value) as object), tag: ++tag };
      const text = JSON.stringify(message);
      client.send(text);
      const probe = client.request({ cmd: 'ping' });
      await probe;
      let answer = client.pushes.find((push) => push.tag === tag);
      while (answer === undefined) {
        const next = await client.nextPush();
        check(next);
        if (next.tag === tag) answer = next;
      }
      check(answer);
      const rest = client.pushes
        .splice(0)
        .filter((push) => push.tag !== undefined && push !== answer);
      expect(rest, text).toEqual([]);
    }),
    { numRuns: 1500 },
  );
  client.close();
});

test('[SES7] [DUR5] text that is no JSON, or too deep, is answered, and the next client is well', async () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.json().map((text) => text.slice(0, -1)),
    fc
      .integer({ min: 60, max: 100_000 })
      .map((depth) => `{"tag":1,"cmd":"ping","x":${'['.repeat(depth)}${']'.repeat(depth)}}`),
    fc
      .integer({ min: 1000, max: 100_000 })
      .map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      using client = await server.as('garbler');
      client.send(text);
      client.send({ tag: 77, cmd: 'ping' });
      const first = await client.nextPush();
      check(first);
    }),
    { numRuns: 150 },
  );
});

test('[DUR5] random bytes in frames close the socket at most', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      using client = await server.as('noise');
      const raw = (
        client.socket as unknown as { _socket: { write(data: Uint8Array): void; end(): void } }
      )._socket;
      raw.write(bytes);
      raw.end();
      await client.closed;
      for (const push of client.pushes) check(push);
    }),
    { numRuns: 150 },
  );
  using after = await Client.connect(server.socketUrl);
  expect((await after.request({ cmd: 'ping' })).evt).toBe('pinged');
});

test('[DUR5] a flood of refused requests leaves no memory behind', async () => {
  using client = await server.as('flood');
  const flood = async () => {
    for (let round = 0; round < 40; round++) {
      await Promise.all(
        Array.from({ length: 200 }, (_, n) =>
          client.request({
            cmd: 'create',
            r: `/things/${'x'.repeat(60)}`,
            body: { nope: n, json: 'y'.repeat(1000) },
          }),
        ),
      );
    }
  };
  await flood();
  const before = await memory();
  await flood();
  await flood();
  expect(await memory()).toBeLessThan(before + 60_000_000);
});
