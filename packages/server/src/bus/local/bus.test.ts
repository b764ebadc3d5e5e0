import { expect, test } from 'vitest';
import type { CommittedChange } from '../../store/store.js';
import { localBus } from './bus.js';

const change = (rev: number): CommittedChange => ({
  r: '/users/1',
  rev,
  type: 'create',
  delta: {},
  touched: {},
  created: {},
  by: { uid: 'u' },
  modelVersion: 1,
  at: 0,
  pos: rev,
  object: { r: '/users/1', rev, data: {}, touched: {}, deleted: false, modelVersion: 1 },
});

test('every listener hears what is published, in order', () => {
  const bus = localBus();
  const heard: number[][] = [[], []];
  for (const list of heard) bus.listen((changes) => list.push(...changes.map(({ rev }) => rev)));
  bus.publish([change(1), change(2)]);
  bus.publish([change(3)]);
  expect(heard).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
});

test('who stopped hears nothing more, and the others go on', () => {
  const bus = localBus();
  const heard: number[] = [];
  const listener = (changes: readonly CommittedChange[]) => {
    heard.push(changes.length);
  };
  const stop = bus.listen(listener);
  bus.listen(listener);
  stop();
  stop();
  bus.publish([change(1)]);
  expect(heard).toEqual([1]);
});

test('a listener that throws stops nobody', () => {
  const bus = localBus();
  const heard: number[] = [];
  bus.listen(() => {
    throw new Error('broken listener');
  });
  bus.listen((changes) => heard.push(changes.length));
  bus.publish([change(1)]);
  expect(heard).toEqual([1]);
});
