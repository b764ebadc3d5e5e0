import { expect, test } from 'vitest';
import { simulatedPlatform } from '../platform/simulated.js';
import { HeldBack } from './held-back.js';

test('[POST13] what is held back of an owner is known by its keys until it is in memory', () => {
  const held = new HeldBack(simulatedPlatform({ seed: 1 }).random);
  const holders = () => ['a', 'b', 'c', 'd'].map((key) => held.holderOf('bob', key));
  expect(held.holderOf('eve', 'a')).toBeUndefined();
  for (const [pos, key] of ['a', 'b', 'a'].entries()) held.hold('eve', key, 10 + pos);
  expect(holders()).toEqual(['eve', 'eve', undefined, undefined]);
  expect(held.holderOf('eve', 'd')).toBe('eve');
  held.moveTo('eve', 11);
  held.hold('eve', 'c', 13);
  expect(held.firstOf('eve')).toBe(11);
  held.moveTo('eve', 13);
  expect(holders()).toEqual([undefined, undefined, 'eve', undefined]);
  held.hold('cid', 'd', 14);
  expect([...held.from(13)].toSorted()).toEqual(['cid', 'eve']);
  expect([...held.from(14)]).toEqual(['cid']);
  held.moveTo('eve', 14);
  expect(held.size).toBe(1);
  expect(holders()).toEqual([undefined, undefined, undefined, 'cid']);
});

test('[POST13] owners with room have their turns, and few are asked at once', () => {
  const held = new HeldBack(simulatedPlatform({ seed: 1 }).random);
  for (let n = 0; n < 40; n++) held.hold(`owner${n}`, `key${n}`, n);
  expect([held.next(() => true), held.next(() => true)]).toEqual(['owner0', 'owner1']);
  const asked: string[] = [];
  const hasRoom = (owner: string) => asked.push(owner) > 0 && owner === 'owner30';
  expect([held.next(hasRoom), held.next(hasRoom)]).toEqual([undefined, 'owner30']);
  expect(asked).toHaveLength(29);
});
