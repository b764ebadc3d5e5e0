import { describe, expect, test } from 'vitest';
import type { CommittedChange } from '../store/stored-object.js';
import type { Bus } from './bus.js';

export interface BusUnderTest {
  readonly bus: Bus;
  /** Resolves when everything published has arrived. */
  settled(): Promise<void>;
}

/**
 * The contract of every bus. A bus may lose, repeat or delay changes; on an idle machine it does
 * not.
 */
export function busContract(name: string, open: () => Promise<BusUnderTest>): void {
  describe(`the bus: ${name}`, () => {
    test('every listener receives what is published, in order', async () => {
      const { bus, settled } = await open();
      const received: number[][] = [[], []];
      for (const list of received) bus.listen((changes) => list.push(...revsOf(changes)));
      bus.publish([change(1), change(2)]);
      bus.publish([change(3)]);
      await settled();
      expect(received).toEqual([
        [1, 2, 3],
        [1, 2, 3],
      ]);
      await bus.close();
    });

    test('a change arrives whole', async () => {
      const { bus, settled } = await open();
      const received: CommittedChange[] = [];
      bus.listen((changes) => received.push(...changes));
      bus.publish([change(7)]);
      await settled();
      expect(received).toEqual([change(7)]);
      await bus.close();
    });

    test('a removed listener receives nothing more, and the others go on', async () => {
      const { bus, settled } = await open();
      const received: number[] = [];
      const listener = (changes: readonly CommittedChange[]) => {
        received.push(...revsOf(changes));
      };
      const stop = bus.listen(listener);
      bus.listen(listener);
      stop();
      stop();
      bus.publish([change(1)]);
      await settled();
      expect(received).toEqual([1]);
      await bus.close();
    });

    test('a listener that throws stops neither the others nor the publisher', async () => {
      const { bus, settled } = await open();
      const received: number[] = [];
      bus.listen(() => {
        throw new Error('broken listener');
      });
      bus.listen((changes) => received.push(...revsOf(changes)));
      bus.publish([change(1)]);
      await settled();
      expect(received).toEqual([1]);
      await bus.close();
    });

    test('an open bus can be reached', async () => {
      const { bus } = await open();
      await expect(bus.ping()).resolves.toBeUndefined();
      await bus.close();
    });

    test('publishing to a closed bus does nothing', async () => {
      const { bus, settled } = await open();
      const received: number[] = [];
      bus.listen((changes) => received.push(...revsOf(changes)));
      await bus.close();
      bus.publish([change(1)]);
      await settled();
      expect(received).toEqual([]);
    });
  });
}

function revsOf(changes: readonly CommittedChange[]): number[] {
  return changes.map(({ rev }) => rev);
}

function change(rev: number): CommittedChange {
  const data = { name: 'Amal', tags: ['\u0000', '\ud83d\ude00'] };
  return {
    r: '/users/1',
    rev,
    type: 'update',
    delta: { name: { op: 'set', opValue: 'Amal' } },
    touched: { name: rev - 1 },
    created: null,
    by: { uid: 'u', authType: 'password', data: { nick: 'A' } },
    modelVersion: 1,
    at: 1_700_000_000_000,
    pos: rev + 10,
    object: { r: '/users/1', rev, data, touched: { name: rev }, deleted: false, modelVersion: 1 },
  };
}
