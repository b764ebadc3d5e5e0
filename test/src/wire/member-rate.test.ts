import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { signToken } from '../harness/token.js';
import { wireServer } from './wire-server.js';

const server = wireServer({ REALLY_RATE_COMMANDS: '100' });

const wide = (members: number): JsonObject =>
  Object.fromEntries(Array.from({ length: members }, (_, n) => [`m${n}`, 0]));

test('[LIM21] a hundred members of objects count as a command, over WebSocket', async () => {
  using client = await server.as('socket');
  const create = async (members: number) =>
    (await client.request({ cmd: 'create', r: '/users', body: wide(members) })).error?.code;
  // More than may come at once, and less.
  expect([await create(10_100), await create(5000)]).toEqual([429, 409]);
});

test('[LIM21] and over HTTP', async () => {
  const headers = { authorization: `Bearer ${signToken({ uid: 'http' })}` };
  const create = async (members: number) => {
    const body = JSON.stringify(wide(members));
    return (await fetch(`${server.url}/v0.1/users`, { method: 'POST', headers, body })).status;
  };
  expect([await create(10_200), await create(5000)]).toEqual([429, 409]);
});

test('[LIM27] members beyond 10,000 count as bytes, over WebSocket and HTTP', async () => {
  const waited = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    // Of the uid, or of the address that both share.
    const counts = text.matchAll(/really_limit_refused_total\{key="rate.\w*[bB]ytes"\} (\d+)/g);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  // 1 KiB each: more than the burst of 8 MiB, of which the bytes alone are a fraction.
  const body = wide(20_000);
  using client = await server.as('bytes-socket');
  const before = await waited();
  client.send(JSON.stringify({ tag: 2, cmd: 'create', r: '/users', body }));
  await expect.poll(waited).toBe(before + 1);
  const headers = { authorization: `Bearer ${signToken({ uid: 'bytes-http' })}` };
  await fetch(`${server.url}/v0.1/users`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(await waited()).toBe(before + 2);
});

test('[LIM21] errors name a limited number of fields, and no response is larger than its request', async () => {
  using client = await server.as('errors');
  const errorsOf = async (message: JsonObject) => (await client.request(message)).error?.errors;
  const fields = Array.from({ length: 1000 }, (_, n) => `m${n}`.padEnd(200, 'x'));
  const unknown = await errorsOf({ cmd: 'read', r: '/users', cmdOpts: { fields } });
  expect(unknown?.['cmdOpts.fields']).toHaveLength(20);
  expect(unknown?.['cmdOpts.fields']?.[0]?.length).toBeLessThan(100);
  const create = await errorsOf({ cmd: 'create', r: '/users', body: wide(5000) });
  expect(Object.keys(create ?? {})).toHaveLength(1000);
});
