import { describe, expect, onTestFinished, test } from 'vitest';
import { noProgress } from '../platform/progress.js';
import { creation, deletion, each, update } from '../store/contract/sample-writes.js';
import type { AlteredObjects, ExportReader } from '../store/export-reader.js';
import type { Store } from '../store/store.js';
import { readExportProgress } from './export-progress.js';
import { StoreExport, type StoreExportOptions } from './export-store.js';
import {
  contentOf,
  everything,
  exported,
  type Opened,
  openMemory,
  openSqlite,
  withFile,
} from './transfer.fixture.js';

async function open(opening: () => Promise<Opened> = openMemory): Promise<Opened> {
  const opened = await opening();
  onTestFinished(() => opened.close());
  return opened;
}

/** The last line of each object, which is what an import uses. */
function lastLines(text: string): Map<string, { rev: number; deleted?: boolean; data?: object }> {
  const objects = contentOf(text)
    .map((line) => JSON.parse(line))
    .filter((line) => 'r' in line);
  return new Map(objects.map((object) => [object.r, object]));
}

/** A reader with writes between its results. */
function disturbed(reader: ExportReader, disturb: (turn: number) => Promise<void>): ExportReader {
  let turn = 0;
  return {
    state: () => reader.state(),
    collections: () => reader.collections(),
    async slice(wanted) {
      const slice = await reader.slice({ ...wanted, limit: 2 });
      await disturb(++turn);
      return slice;
    },
    async altered(after, _limit, history) {
      const altered = await reader.altered(after, 3, history);
      await disturb(++turn);
      return altered;
    },
    close: () => reader.close(),
  };
}

async function filled({ store }: Opened): Promise<void> {
  const ids = Array.from({ length: 7 }, (_, n) => `/users/${n}`);
  await store.commit(each(...ids.map((r) => creation(r, { n: 0 }))));
}

/** Changes some objects, deletes one and creates others, differently for each turn. */
async function write(store: Store, turn: number): Promise<void> {
  for (const r of [`/users/${turn % 7}`, `/users/${(turn * 3) % 7}`, '/users/new', '/made/1']) {
    const head = await store.get(r);
    if (head?.deleted) continue;
    const next = head ? update(head, { n: turn }) : creation(r, { n: turn });
    await store.commit(each(turn === 4 && head ? deletion(head) : next));
  }
}

describe('[MOV4] with concurrent writes', () => {
  test.each([
    ['memory', openMemory],
    ['SQLite', openSqlite],
  ])('the last lines are the store at the last position, with %s', async (_name, opening) => {
    const opened = await open(opening);
    const { store, reader } = opened;
    await filled(opened);
    const text = await exported(
      disturbed(reader, async (turn) => {
        if (turn <= 6) await write(store, turn);
      }),
    );
    const objects = lastLines(text);
    expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '').end).toMatchObject({
      position: await store.position(),
      newest: await store.latestChangeTime(),
    });
    const rs = [...Array.from({ length: 7 }, (_, n) => `/users/${n}`), '/users/new', '/made/1'];
    expect([...objects.keys()].sort()).toEqual([...rs].sort());
    for (const r of rs) {
      const { rev, deleted, data } = (await store.get(r)) ?? { rev: 0 };
      expect(objects.get(r)).toMatchObject({ rev, ...(deleted ? { deleted } : { data }) });
    }
  });

  test('a collection whose changes were lost is written again', async () => {
    const opened = await open();
    const { store, reader } = opened;
    await filled(opened);
    let asked = 0;
    const forgetful: ExportReader = {
      state: () => reader.state(),
      collections: () => reader.collections(),
      slice: (wanted) => reader.slice(wanted),
      async altered(after, limit, history): Promise<AlteredObjects> {
        asked += 1;
        if (asked > 1) return await reader.altered(after, limit, history);
        const head = await store.get('/users/3');
        if (head) await store.commit(each(update(head, { n: 'late' })));
        const through = await store.position();
        return { entries: [], through, more: false, lost: [['users'], ['_accounts']] };
      },
      close: () => reader.close(),
    };
    const text = await exported(forgetful, { history: false, system: false });
    expect(lastLines(text).get('/users/3')).toMatchObject({ data: { n: 'late' } });
    expect(asked).toBe(2);
  });
});

describe('content of an export', () => {
  test('[MOV3] an object after its changes, a tombstone, and a last line with the counts', async () => {
    const opened = await open();
    const [born, gone] = [creation('/users/1', { n: 1 }), creation('/users/2')];
    await opened.store.commit(each(born, update(born.object, { n: 2 }), gone));
    await opened.store.commit(each(deletion(gone.object)));
    const text = await exported(opened.reader);
    const by = born.change.by;
    const change = (rev: number, more: object) => ({
      change: { r: '/users/1', rev, at: born.change.at, by, modelVersion: 1, ...more },
    });
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        ...{ really: 'export', version: 1, time: '2026-01-29T00:00:00.000Z', position: 4 },
        ...{ newest: born.change.at, history: true, system: true },
      },
      change(1, { type: 'create', created: { n: 1 } }),
      change(2, { type: 'update', delta: { n: { op: 'set', opValue: 2 } }, touched: { n: 1 } }),
      { r: '/users/1', rev: 2, modelVersion: 1, touched: { n: 2 }, data: { n: 2 } },
      change(2, { r: '/users/2', type: 'delete' }),
      { r: '/users/2', rev: 2, modelVersion: 1, deleted: true },
      { end: { position: 4, newest: born.change.at, objects: 2, changes: 3 } },
    ]);
  });

  test('[MOV6] system records, and collections that were not requested, are omitted', async () => {
    const { store, reader } = await open();
    const rs = ['/users/1', '/users/1/posts/1', '/_accounts/1', '/notes/1'];
    await store.commit(each(...rs.map((r) => creation(r))));
    const exportedRs = async (options: Partial<StoreExportOptions>) => [
      ...lastLines(await exported(reader, { ...everything, ...options })).keys(),
    ];
    expect(await exportedRs({})).toEqual([
      '/_accounts/1',
      '/notes/1',
      '/users/1',
      '/users/1/posts/1',
    ]);
    expect(await exportedRs({ system: false })).toEqual([
      '/notes/1',
      '/users/1',
      '/users/1/posts/1',
    ]);
    expect(await exportedRs({ only: ['users/posts'] })).toEqual(['/users/1/posts/1']);
    expect(await exportedRs({ history: false })).toHaveLength(4);
    expect(await exported(reader, { history: false, system: true })).not.toContain('"change"');
  });
});

describe('[MOV5] resuming', () => {
  /** As the command does: cuts off what is incomplete. */
  async function goneOnWith(text: Buffer, reader: ExportReader): Promise<string> {
    return await withFile(text, async (file) => {
      const found = await readExportProgress(file);
      if (found.kind === 'complete') return text.toString();
      if (found.kind === 'other') throw new Error(found.why);
      let whole = found.kind === 'begun' ? text.subarray(0, found.size).toString() : '';
      const sink = {
        async write(more: string) {
          whole += more;
        },
      };
      const work = new StoreExport(reader, sink, everything, noProgress);
      if (found.kind === 'begun') await work.goOn(found.progress);
      else await work.begin('2026-01-29T00:00:00.000Z');
      return whole;
    });
  }

  test('a file cut off at any byte ends as if it had not been, without writes', async () => {
    const opened = await open();
    await filled(opened);
    await write(opened.store, 1);
    const text = Buffer.from(await exported(opened.reader));
    for (let size = 0; size <= text.length; size += 7) {
      const whole = await goneOnWith(text.subarray(0, size), opened.reader);
      expect(whole, `${size} bytes`).toBe(text.toString());
    }
  });

  test('with writes before and after it was cut off, it ends as the store is', async () => {
    const opened = await open();
    const { store, reader } = opened;
    await filled(opened);
    const text = Buffer.from(
      await exported(
        disturbed(reader, async (turn) => {
          if (turn <= 5) await write(store, turn);
        }),
      ),
    );
    expect(text.toString()).toContain('{"since":');
    for (let size = 1; size < text.length - 1; size += 37) {
      await write(store, 1 + (size % 3));
      const whole = await goneOnWith(text.subarray(0, size), reader);
      const objects = lastLines(whole);
      for (const [r, { rev }] of objects) {
        expect(rev, `${r} after ${size} bytes`).toBe((await store.get(r))?.rev);
      }
      expect(objects.size).toBe(9);
      const lines = contentOf(whole).map((line) => Object.keys(JSON.parse(line))[0]);
      expect(JSON.parse(whole.trimEnd().split('\n').at(-1) ?? '').end).toMatchObject({
        objects: lines.filter((first) => first === 'r').length,
        changes: lines.filter((first) => first === 'change').length,
      });
    }
  });

  test('a file that is no export is left unchanged', async () => {
    const look = (text: string) => withFile(text, readExportProgress);
    expect(await look('name,email\n')).toMatchObject({ kind: 'other' });
    expect(await look('no line')).toMatchObject({ kind: 'other' });
    expect(await look('{"really":"export","version":2}\n')).toMatchObject({ kind: 'other' });
    expect(await look('')).toEqual({ kind: 'nothing' });
    expect(await look('{"really":"ex')).toEqual({ kind: 'nothing' });
  });
});
