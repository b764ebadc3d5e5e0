import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compiledOf, sourceOf } from '../sandbox.fixture.js';
import { FairScriptQueue } from './fair-script-queue.js';
import { HeldThreads } from './held-threads.js';
import { OverrunHistory } from './overrun-history.js';
import { Quarantine } from './quarantine.js';
import { ScriptAdmission } from './script-admission.js';
import { ScriptCall } from './script-call.js';

const a = compiledOf(sourceOf('expression', 'a'));
const b = compiledOf(sourceOf('expression', 'b'));

function job(owner: string, compiled = a, isOwn = true): ScriptCall {
  return new ScriptCall(compiled, '[]', { owner, isOwn }, () => {});
}

const unknownIfB = ({ compiled }: ScriptCall) => (compiled === b ? 'unknown' : 'soon');

const ownersOf = (jobs: readonly ScriptCall[]) => jobs.map(({ owner }) => owner);

describe('the fast queue', () => {
  test('[LIM24] the only call of one owner does not wait behind many of another', () => {
    const queue = new FairScriptQueue(() => 'soon');
    for (let n = 0; n < 10_000; n++) queue.push(job('eve'));
    queue.push(job('bob'));
    expect(ownersOf(queue.take(2, true, () => true))).toEqual(['eve', 'bob']);
    expect(queue.size).toBe(9999);
  });

  test('[HOK9] calls that are likely to end soon go first, after those taken back', () => {
    const queue = new FairScriptQueue(unknownIfB);
    queue.push(job('dear', b));
    queue.push(job('new'));
    queue.pushBack(job('back'));
    queue.pushBack(job('dear, too', b));
    expect(ownersOf(queue.take(2, false, () => true))).toEqual(['back', 'new']);
    expect(queue.take(2, false, () => true)).toEqual([]);
    expect(ownersOf(queue.take(2, true, () => true))).toEqual(['dear', 'dear, too']);
  });

  test('[HOK9] a few doubtful calls go with each batch, and those that became doubtful meanwhile', () => {
    const doubtful = new Set(['dear']);
    const queue = new FairScriptQueue(({ owner }) => (doubtful.has(owner) ? 'unknown' : 'soon'));
    for (let n = 0; n < 50; n++) queue.push(job('bob'));
    queue.push(job('late'));
    queue.push(job('dear'));
    doubtful.add('late');
    const first = ownersOf(queue.take(20, true, () => true));
    expect(first).toHaveLength(20);
    expect(first.slice(-2)).toEqual(['bob', 'dear']);
    expect(ownersOf(queue.take(33, true, () => true)).at(-1)).toBe('late');
  });

  test('[LIM24] a owner that holds a thread gets none for calls that may take long, and one that holds two gets none', () => {
    const queue = new FairScriptQueue(unknownIfB);
    const all = () => ownersOf(queue.take(10, true, () => true));
    queue.holds('eve', 1);
    for (const one of [job('eve'), job('eve', b), job('bob', b)]) queue.push(one);
    expect(all()).toEqual(['eve', 'bob']);
    queue.holds('eve', 2);
    queue.push(job('eve'));
    queue.pushBack(job('eve'));
    expect(all()).toEqual([]);
    queue.holds('eve', 0);
    expect(all()).toEqual(['eve', 'eve', 'eve']);
    expect(queue.clear()).toEqual([]);
  });

  test('[LIM24] calls that took long lately are in no batch: they wait for a thread of their own, by owner in turn', () => {
    const dear = new Set(['eve', 'mallory']);
    const queue = new FairScriptQueue(({ owner }) => (dear.has(owner) ? 'long' : 'unknown'));
    for (const owner of ['eve', 'eve', 'bob', 'late', 'mallory']) queue.push(job(owner));
    dear.add('late');
    expect(ownersOf(queue.take(10, true, () => true))).toEqual(['bob']);
    queue.holds('mallory', 1);
    const next = () => queue.takeDear(({ owner }) => owner !== 'late')?.owner;
    expect([next(), next(), next()]).toEqual(['eve', 'eve', undefined]);
    queue.holds('mallory', 0);
    expect([next(), next(), queue.size]).toEqual(['mallory', undefined, 0]);
  });
});

test('[LIM24] holders of threads and scripts that took long lately are recorded', () => {
  const held = new HeldThreads<number>();
  held.add(1, 'eve');
  held.add(2, 'eve');
  held.add(3, 'bob');
  held.tookLong(job('eve'), 0);
  held.tookLong(job('eve', b), 500);
  held.tookLong(job('bob'), 500);
  expect([held.size, held.of('eve'), held.of('bob'), held.of('')]).toEqual([3, 2, 1, 0]);
  expect([held.release(1), held.release(1)]).toEqual(['eve', undefined]);
  expect(held.of('eve')).toBe(1);
  expect([held.isDear(job('eve'), 1999), held.isDear(job('eve'), 2000)]).toEqual([true, false]);
  expect([held.isDear(job('eve', b), 2000), held.isDear(job('bob', b), 600)]).toEqual([
    true,
    false,
  ]);
});

describe('the quarantine', () => {
  const quarantine = () => new Quarantine({ mostWaiting: 10_000, longestWait: 1000 });

  test('[LIM26] however many exceed the time, owners for whom the script ended in time stay in the fast queue', () => {
    const slow = quarantine();
    slow.strike(job('eve'), 0);
    slow.well(job('bob'), 1);
    for (let n = 0; n < 100; n++) slow.strike(job(`sybil ${n}`), 2);
    expect(slow.has(job('bob'), 3)).toBe(false);
    expect(slow.has(job('new'), 3)).toBe(true);
    expect(slow.has(job('new', b), 3)).toBe(false);
    slow.well(job('new'), 4);
    expect(slow.has(job('new'), 5)).toBe(false);
    expect(slow.has(job('sybil 7'), 5)).toBe(true);
  });

  test('[LIM26] two overrunning owners are not enough to slow the script for others', () => {
    const slow = quarantine();
    for (let turn = 0; turn < 10; turn++) {
      slow.strike(job('eve'), turn);
      slow.strike(job('mallory'), turn);
    }
    expect(slow.has(job('new'), 11)).toBe(false);
  });

  test('[HOK9] a script that exceeds its time for most quarantines everybody new to it', () => {
    const slow = quarantine();
    for (const owner of ['eve', 'bob', 'carol']) slow.strike(job(owner), 0);
    expect(slow.has(job('new'), 1)).toBe(true);
    for (const owner of ['dan', 'fay', 'gil']) slow.well(job(owner), 2);
    // As many for whom it is well: it is not the script.
    expect(slow.has(job('new'), 50)).toBe(false);
    slow.strike(job('gil'), 60);
    expect(slow.has(job('gil'), 61)).toBe(true);
    expect(slow.has(job('new'), 61)).toBe(true);
    // When what was is over, nobody is slow any more.
    expect(slow.has(job('new'), 5000)).toBe(false);
  });

  test('[LIM24] owners take turns, however many scripts of one exceed their time', () => {
    const slow = quarantine();
    for (const one of [job('eve'), job('eve'), job('eve', b), job('eve', b), job('bob')]) {
      slow.strike(one, 0);
      slow.add(one, 0);
    }
    const turns = Array.from({ length: 5 }, () => slow.next(1));
    expect(turns.map((one) => one?.owner)).toEqual(['eve', 'bob', 'eve', 'eve', 'eve']);
    expect(turns.filter((one) => one?.owner === 'eve').map((one) => one?.compiled)).toEqual([
      ...[a, b, a, b],
    ]);
  });

  test('[LIM24] nobody waits for more than one call of each of the others', () => {
    const asked = fc.array(fc.tuple(fc.nat(4), fc.boolean()), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(asked, (calls) => {
        const slow = quarantine();
        for (const [owner, isA] of calls) slow.add(job(`${owner}`, isA ? a : b), 0);
        const waited = new Map<string, number>();
        for (let one = slow.next(1); one !== undefined; one = slow.next(1)) {
          const { owner } = one;
          for (const [other, turns] of waited) if (other !== owner) waited.set(other, turns + 1);
          expect(waited.get(owner) ?? 0).toBeLessThanOrEqual(4);
          waited.set(owner, 0);
        }
        expect(slow.size).toBe(0);
      }),
    );
  });
});

describe('a owner who makes scripts exceed their time again and again', () => {
  test('[LIM25] is refused from the fifth time on, longer each time, and forgotten', () => {
    const overrunners = new OverrunHistory();
    for (let n = 0; n < 4; n++) overrunners.strike('eve', n);
    expect(overrunners.refusedFor('eve', 4)).toBe(0);
    overrunners.strike('eve', 10);
    expect(overrunners.refusedFor('eve', 10)).toBe(2000);
    expect(overrunners.refusedFor('eve', 2009)).toBe(1);
    expect(overrunners.refusedFor('eve', 2010)).toBe(0);
    expect(overrunners.refusedFor('bob', 10)).toBe(0);
    overrunners.strike('eve', 3000);
    expect(overrunners.refusedFor('eve', 3000)).toBe(4000);
    for (let n = 0; n < 20; n++) overrunners.strike('eve', 10_000);
    expect(overrunners.refusedFor('eve', 10_000)).toBe(60_000);
    // A minute after the end of it.
    overrunners.strike('eve', 130_000);
    expect(overrunners.refusedFor('eve', 130_000)).toBe(0);
  });

  test('[LIM25] is remembered in bounded memory', () => {
    const overrunners = new OverrunHistory();
    for (let n = 0; n < 5; n++) overrunners.strike('eve', 0);
    for (let n = 0; n < 9999; n++) overrunners.strike(`${n}`, 1);
    expect(overrunners.refusedFor('eve', 2)).toBeGreaterThan(0);
    overrunners.strike('one more', 1);
    expect(overrunners.refusedFor('eve', 2)).toBe(0);
  });
});

describe('admission', () => {
  const room = (bytes: number, holdsBack = true) => {
    const refused: string[] = [];
    const options = { bytes, holdsBack, refused: (bound: string) => refused.push(bound) };
    return { room: new ScriptAdmission(options), refused };
  };

  test('[LIM24] refuses a owner with more than a share waiting, and names the limit', () => {
    const { room: waiting, refused } = room(20 * 1100);
    const eves = Array.from({ length: 20 }, () => waiting.enter(job('eve'), 0));
    expect(eves.filter((one) => one === undefined)).toHaveLength(10);
    expect(eves.at(-1)).toEqual({ bound: 'limits.hooksWaiting', retryAfter: 1 });
    expect(waiting.enter(job('bob'), 0)).toBeUndefined();
    expect(refused).toEqual(Array.from({ length: 10 }, () => 'limits.hooksWaiting'));
    waiting.leave(job('eve'));
    waiting.leave(job('eve'));
    expect(waiting.enter(job('eve'), 0)).toBeUndefined();
    // Models are compiled all the same.
    const compiling = new ScriptCall(a, null, { owner: 'eve', isOwn: false }, () => {});
    for (let n = 0; n < 30; n++) expect(waiting.enter(compiling, 0)).toBeUndefined();
    waiting.leave(compiling);
    expect(waiting.used).toBe(10 * 1026);
  });

  test('[LIM25] refuses the input of a owner whose input made scripts exceed their time, and nothing else', () => {
    const { room: waiting, refused } = room(1e6);
    const again = job('eve');
    again.again = true;
    for (let n = 0; n < 9; n++) {
      waiting.overran(job('eve'), 0);
      waiting.overran(job('reader', a, false), 0);
      waiting.overran(job(''), 0);
    }
    expect(waiting.refusalOf(job('eve', b), 1)).toEqual({
      ...{ bound: 'limits.hookTime', retryAfter: 32 },
    });
    const others = [job('eve', a, false), again, job('reader'), job(''), job('bob')];
    for (const one of others) expect(waiting.enter(one, 1)).toBeUndefined();
    expect(waiting.enter(job('eve'), 40_000)).toBeUndefined();
    expect(refused).toEqual(['limits.hookTime']);
  });

  test('[LIM25] refuses nobody for post hooks, whose input was written long ago', () => {
    const { room: waiting } = room(1e6, false);
    for (let n = 0; n < 9; n++) waiting.overran(job('eve'), 0);
    expect(waiting.enter(job('eve'), 1)).toBeUndefined();
  });
});
