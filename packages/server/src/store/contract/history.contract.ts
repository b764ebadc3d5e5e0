import { describe, expect, test } from 'vitest';
import type { Write } from '../write-group.js';
import { creation, deletion, layout, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

/** A creation and `count - 1` updates. */
function life(r: string, count: number, at: (rev: number) => number = () => 0): Write[] {
  const writes = [creation(r, { n: 1 }, { at: at(1) })];
  for (let rev = 2; rev <= count; rev++) {
    const before = writes.at(-1)?.object;
    if (before) writes.push(update(before, { n: rev }, { at: at(rev) }));
  }
  return writes;
}

export function historyContract(open: OpenStore): void {
  describe('history', () => {
    const subject = StoreUnderTest.each(open, { history: 10 });
    const revs = async (r: string, after: number, limit = 100) => {
      const { entries, complete } = await subject.store.history(r, after, limit);
      return { revs: entries.map(({ rev }) => rev), complete };
    };

    test('[DUR2] each revision is there once, as it was written', async () => {
      const writes = life('/users/1', 3);
      await subject.commit(...writes);
      const { object, entries, complete } = await subject.store.history('/users/1', 0, 10);
      expect(object).toEqual(writes[2]?.object);
      expect(entries).toEqual(writes.map(({ change }) => change));
      expect(complete).toBe(true);
    });

    test('an object that never existed has no history', async () => {
      const nothing = { object: undefined, entries: [], complete: true };
      expect(await subject.store.history('/users/1', 0, 10)).toEqual(nothing);
      expect(await subject.store.history('/users/1', 5, 10)).toEqual(nothing);
    });

    test('entries begin after the revision, up to the limit', async () => {
      await subject.commit(...life('/users/1', 6));
      expect(await revs('/users/1', 2)).toEqual({ revs: [3, 4, 5, 6], complete: true });
      expect(await revs('/users/1', 2, 2)).toEqual({ revs: [3, 4], complete: true });
      expect(await revs('/users/1', 6)).toEqual({ revs: [], complete: true });
      expect(await revs('/users/1', 9)).toEqual({ revs: [], complete: true });
      expect(await revs('/users/1', 2, 0)).toEqual({ revs: [], complete: true });
    });

    test('fewer where they are large, but one at least', async () => {
      const writes = [creation('/users/1', { n: 'x'.repeat(300_000) })];
      for (const size of [300_000, 600_000, 100, 100]) {
        const before = writes.at(-1)?.object;
        if (before) writes.push(update(before, { n: 'x'.repeat(size) }));
      }
      await subject.commit(...writes);
      expect(await revs('/users/1', 0)).toEqual({ revs: [1, 2], complete: true });
      expect(await revs('/users/1', 2)).toEqual({ revs: [3], complete: true });
      expect(await revs('/users/1', 3)).toEqual({ revs: [4, 5], complete: true });
      expect(await revs('/users/1', 1, 1)).toEqual({ revs: [2], complete: true });
    });

    test('[RET1] it reaches as far back as revisions are kept, and no further', async () => {
      await subject.commit(...life('/users/1', 11));
      expect(await revs('/users/1', 0)).toEqual({ revs: [], complete: false });
      const kept = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
      expect(await revs('/users/1', 1)).toEqual({ revs: kept, complete: true });
      expect(await revs('/users/1', 0, 1)).toEqual({ revs: [], complete: false });
    });

    test('[RET1] however long the object lives', async () => {
      const writes = life('/users/1', 500);
      for (let from = 0; from < writes.length; from += 50) {
        await subject.commit(...writes.slice(from, from + 50));
        const rev = from + 50;
        expect(await revs('/users/1', rev - 11)).toEqual({ revs: [], complete: false });
        const found = await revs('/users/1', rev - 10);
        expect(found).toEqual({ revs: rangeTo(rev, 10), complete: true });
      }
    });

    test('[RET1] a model says how many revisions it keeps', async () => {
      await subject.store.prepare([layout('users', [], { history: 3 })]);
      await subject.commit(...life('/users/1', 40), ...life('/notes/1', 40));
      expect(await revs('/users/1', 36)).toEqual({ revs: [], complete: false });
      expect(await revs('/users/1', 37)).toEqual({ revs: [38, 39, 40], complete: true });
      expect(await revs('/notes/1', 30)).toEqual({ revs: rangeTo(40, 10), complete: true });
    });

    test('[RET1] or their age, and then the number does not matter', async () => {
      await subject.store.prepare([layout('users', [], { age: 1000 })]);
      const now = subject.platform.clock.now();
      await subject.commit(...life('/users/1', 30, (rev) => now - 1500 + rev * 50));
      expect(await revs('/users/1', 8)).toEqual({ revs: [], complete: false });
      expect(await revs('/users/1', 9)).toEqual({ revs: rangeTo(30, 21), complete: true });
      subject.platform.advance(500);
      expect(await revs('/users/1', 9)).toEqual({ revs: [], complete: false });
      expect(await revs('/users/1', 19)).toEqual({ revs: rangeTo(30, 11), complete: true });
    });

    test('a long history', async () => {
      await subject.store.prepare([layout('users', [], { history: 5000 })]);
      const writes = life('/users/1', 2000);
      for (let from = 0; from < 2000; from += 500) {
        await subject.commit(...writes.slice(from, from + 500));
      }
      expect(await revs('/users/1', 0, 3)).toEqual({ revs: [1, 2, 3], complete: true });
      expect(await revs('/users/1', 1500, 1000)).toEqual({
        revs: rangeTo(2000, 500),
        complete: true,
      });
    });

    test('[DEL3] [DEL4] a deleted object has only its deletion', async () => {
      const writes = life('/users/1', 4);
      await subject.commit(...writes);
      const last = deletion(await subject.object('/users/1'));
      await subject.commit(last);
      expect(await subject.store.history('/users/1', 4, 10)).toEqual({
        object: last.object,
        entries: [last.change],
        complete: true,
      });
      expect(await revs('/users/1', 3)).toEqual({ revs: [], complete: false });
      expect(await revs('/users/1', 0)).toEqual({ revs: [], complete: false });
      expect(await revs('/users/1', 5)).toEqual({ revs: [], complete: true });
    });

    test('object and entries are from one moment, while others write', async () => {
      await subject.commit(creation('/users/1', { n: 1 }));
      let head = await subject.object('/users/1');
      for (let n = 2; n <= 40; n++) {
        const write = update(head, { n });
        const committed = subject.commit(write);
        const { object, entries } = await subject.store.history('/users/1', head.rev - 1, 10);
        expect(entries.at(-1)?.rev).toBe(object?.rev);
        await committed;
        head = write.object;
      }
    });
  });
}

function rangeTo(last: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => last - count + 1 + index);
}
