import { type JsonObject, parseRequest } from '@really/protocol';
import { expect, test } from 'vitest';
import { lanesOf } from './lanes.js';

function lanes(message: JsonObject) {
  const parsed = parseRequest({ tag: 1, ...message });
  if (!parsed.ok) throw parsed.error;
  return lanesOf(parsed.request);
}

test('[ENV4] commands are ordered by the R that they are about, in its printed form', () => {
  const body = { ops: [{ op: 'set', key: 'a', value: 1 }] };
  const write = (r: string) => [{ r, mode: 'write' }];
  const read = (r: string) => [{ r, mode: 'read' }];
  expect(lanes({ cmd: 'create', r: '/users', body: {} })).toEqual(write('/users/*'));
  expect(lanes({ cmd: 'create', r: '/users/1', body: {} })).toEqual(write('/users/1'));
  expect(lanes({ cmd: 'update', r: '/users/1/', rev: 1, body })).toEqual(write('/users/1'));
  expect(lanes({ cmd: 'delete', r: '/users/1' })).toEqual(write('/users/1'));
  expect(lanes({ cmd: 'get', r: '/users/1' })).toEqual(read('/users/1'));
  expect(lanes({ cmd: 'read', r: '/users/' })).toEqual(read('/users/*'));
  expect(lanes({ cmd: 'count', r: '/users/*' })).toEqual(read('/users/*'));
  expect(lanes({ cmd: 'ping' })).toEqual([]);
});

test('[ENV4] subscribing and unsubscribing are about every R that they name', () => {
  const subscriptions = [{ r: '/users/1/' }, { r: '/users' }, { r: '/users/1' }];
  expect(lanes({ cmd: 'subscribe', body: { subscriptions } })).toEqual([
    { r: '/users/1', mode: 'read' },
    { r: '/users/*', mode: 'read' },
  ]);
  expect(lanes({ cmd: 'unsubscribe', body: { subscriptions: ['/users', 'q7'] } })).toEqual([
    { r: '/users/*', mode: 'read' },
    { r: 'q7', mode: 'read' },
  ]);
});
