import { type JsonObject, parseRequest } from '@really/protocol';
import { expect, test } from 'vitest';
import { CommandOrder } from '../gateway/dispatch/command-order.js';
import { type ObjectRequest, orderKeysOf } from './command-table.js';

function orderOf(message: JsonObject) {
  const parsed = parseRequest({ tag: 1, ...message });
  if (!parsed.ok) throw parsed.error;
  return orderKeysOf(parsed.request as ObjectRequest);
}

test('[ENV4] commands are ordered by their R, in its printed form', () => {
  const body = { ops: [{ op: 'set', key: 'a', value: 1 }] };
  const write = (r: string) => [{ r, mode: 'write' }];
  const read = (r: string) => [{ r, mode: 'read' }];
  expect(orderOf({ cmd: 'create', r: '/users', body: {} })).toEqual(write('/users/*'));
  expect(orderOf({ cmd: 'create', r: '/users/1', body: {} })).toEqual(write('/users/1'));
  expect(orderOf({ cmd: 'update', r: '/users/1/', rev: 1, body })).toEqual(write('/users/1'));
  expect(orderOf({ cmd: 'delete', r: '/users/1' })).toEqual(write('/users/1'));
  expect(orderOf({ cmd: 'get', r: '/users/1' })).toEqual(read('/users/1'));
  expect(orderOf({ cmd: 'read', r: '/users/' })).toEqual(read('/users/*'));
  expect(orderOf({ cmd: 'count', r: '/users/*' })).toEqual(read('/users/*'));
});

test('[ENV4] [BAT5] a batch runs beside writes, for each of its Rs', () => {
  const commands = [
    { cmd: 'create', r: '/users', body: {} },
    { cmd: 'delete', r: '/users/1' },
    { cmd: 'create', r: '/users/', body: {} },
  ];
  expect(orderOf({ cmd: 'batch', body: { commands } })).toEqual([
    { r: '/users/*', mode: 'write' },
    { r: '/users/1', mode: 'write' },
  ]);
});

test('[ENV4] subscribing and unsubscribing exclude other commands on every R that they name', () => {
  const alone = (r: string) => ({ r, mode: 'exclusive' });
  const subscriptions = [{ r: '/users/1/' }, { r: '/users' }, { r: '/users/1' }];
  expect(orderOf({ cmd: 'subscribe', body: { subscriptions } })).toEqual([
    alone('/users/1'),
    alone('/users/*'),
  ]);
  const body = { subscriptions: ['/users', 'q7'] };
  expect(orderOf({ cmd: 'unsubscribe', body })).toEqual([alone('/users/*'), alone('q7')]);
});

test('[ENV4] of two subscribes on one R the second starts when the first is answered', () => {
  const gateway = new CommandOrder();
  const message = { cmd: 'subscribe', body: { subscriptions: [{ r: '/users/1' }] } };
  const [first, second] = [orderOf(message), orderOf(message)].map((rs) => gateway.enter(rs));
  const log: string[] = [];
  first?.start(() => log.push('first starts'));
  second?.start(() => log.push('second starts'));
  expect(log).toEqual(['first starts']);
  first?.respond(() => log.push('first is answered'));
  expect(log).toEqual(['first starts', 'first is answered', 'second starts']);
});
