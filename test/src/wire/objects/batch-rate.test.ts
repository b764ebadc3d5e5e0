import { expect, test } from 'vitest';
import { wireServer } from '../wire-server.js';

const server = wireServer({ REALLY_RATE_COMMANDS: '10' });

test('[BAT6] [LIM5] a batch counts as its commands, and uses up nothing if it is refused', async () => {
  using client = await server.as('amal');
  const batch = (count: number) =>
    client.request({
      cmd: 'batch',
      body: {
        commands: Array.from({ length: count }, () => ({ cmd: 'create', r: '/short', body: {} })),
      },
    });
  expect((await batch(11)).error).toEqual({ code: 429, message: 'rate.limited' });
  const answers = await Promise.all([batch(8), batch(8), client.request({ cmd: 'ping' })]);
  expect(answers[0]?.error).toBeUndefined();
  expect(answers[1]).toMatchObject({
    error: { code: 429, message: 'rate.limited' },
    meta: { retryAfter: 1 },
  });
  expect(answers[2]?.evt).toBe('pinged');
  using reader = await server.as('bela');
  const { body } = await reader.request({ cmd: 'count', r: '/short' });
  expect(body.totalResults).toBe(8);
});
