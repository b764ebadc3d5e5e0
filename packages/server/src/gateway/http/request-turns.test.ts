import { setImmediate as nextTick } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { openTestGateway } from '../gateway.fixture.js';
import { Intake } from '../limits/intake.js';
import { RequestTurns } from './request-turns.js';

test('[LIM48] requests begin for some time in a tick, the rest later, one of each address in turn', async () => {
  let now = 0;
  const turns = new RequestTurns({ monotonic: () => now });
  const begun: string[] = [];
  const request = (address: string, name: string) =>
    turns.take(address, () => {
      begun.push(name);
      now += 2;
    });
  for (let n = 1; n <= 7; n++) request('192.0.2.1', `a${n}`);
  request('192.0.2.2', 'b1');
  expect(begun).toEqual(['a1', 'a2']);
  while (begun.length < 8) await nextTick();
  expect(begun.slice(2)).toEqual(['a3', 'b1', 'a4', 'a5', 'a6', 'a7']);
  await nextTick();
  request('192.0.2.1', 'a8');
  expect(begun.at(-1)).toBe('a8');
});

test.each<[what: string, work: (done: () => void) => void]>([
  ['at once', (done) => done()],
  ['after they began', (done) => queueMicrotask(done)],
])('[LIM48] no more begin in a tick than there is time for, if they work %s', async (_, work) => {
  let now = 0;
  const turns = new RequestTurns({ monotonic: () => now });
  let inTick = 0;
  let most = 0;
  let begun = 0;
  const begin = () => {
    begun += 1;
    inTick += 1;
    most = Math.max(most, inTick);
    work(() => {
      now += 1;
    });
  };
  turns.take('192.0.2.1', () => {
    now += 4;
  });
  for (let n = 0; n < 100; n++) turns.take('192.0.2.1', begin);
  while (begun < 100) {
    inTick = 0;
    await nextTick();
  }
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(4);
});

test('[LIM27] [LIM48] bodies are parsed in turns, and the time that it takes is charged, for those without a token too', async () => {
  const server = await openTestGateway();
  const taken = vi.spyOn(RequestTurns.prototype, 'take');
  const paid = vi.spyOn(Intake.prototype, 'payParsed');
  const token = await server.tokens.mint({ uid: 'amal' });
  const post = async (path: string, body: string) => {
    const headers = { authorization: `Bearer ${token}` };
    taken.mockClear();
    await (await fetch(`${server.url}${path}`, { method: 'POST', headers, body })).text();
    // One is that of the request itself.
    return taken.mock.calls.length - 1;
  };
  const filler = 'x'.repeat(1100);
  for (const path of ['/auth/tokens', '/v0.1/users']) {
    expect(await post(path, '{}')).toBe(0);
    expect(paid).not.toHaveBeenCalled();
    for (const body of [`{"a":"${filler}"}`, `{"a":"${filler}"`]) {
      expect(await post(path, body)).toBe(1);
      expect(paid.mock.lastCall?.[0]).toMatchObject({ bytes: body.length });
      paid.mockClear();
    }
  }
  for (const spy of [taken, paid]) spy.mockRestore();
  await server.close();
});
