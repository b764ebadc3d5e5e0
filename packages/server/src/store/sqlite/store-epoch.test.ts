import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { noProgress } from '../../platform/progress.js';
import { creation, each, update } from '../contract/sample-writes.js';
import type { Epoch } from '../store.js';
import { StoreRefused } from '../store-errors.js';
import { backUpDatabase } from './backup.js';
import { Scratch } from './scratch.fixture.js';
import { makeVersion1 } from './tables/schema-v1.fixture.js';

const scratch = Scratch.each();
const user = creation('/users/1', { n: 1 });

/** Opens the database, writes one object if it is new, and closes it. */
async function epochOf(file: string, force = false): Promise<Epoch> {
  const store = await scratch.open({ file, force });
  if (!(await store.get('/users/1'))) await store.commit(each(user));
  const { epoch } = store;
  await store.close();
  return epoch;
}

const ofDatabase = ['', '-wal', '-shm'];
const withMark = [...ofDatabase, '.epoch'];

/**
 * Replaces files with copies of others. The copy of an open store is what a killed process leaves.
 */
function copy(from: string, to: string, ends: readonly string[] = ofDatabase): void {
  for (const end of ends) {
    rmSync(to + end, { force: true });
    if (existsSync(from + end)) copyFileSync(from + end, to + end);
  }
}

describe('[EPO1] the epoch stays the same', () => {
  test('when the database is closed and opened', async () => {
    const file = scratch.file();
    const first = await epochOf(file);
    expect(first.isFirst).toBe(true);
    expect(await epochOf(file)).toEqual(first);
    expect(await epochOf(file)).toEqual(first);
    expect(statSync(`${file}.epoch`).mode & 0o777).toBe(0o600);
    // The secret is in the database alone.
    expect(readFileSync(`${file}.epoch`, 'utf8')).not.toContain(first.secret);
  });

  test('when the process is killed', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    await store.commit(each(user));
    const killed = scratch.file();
    copy(file, killed, withMark);
    expect(await epochOf(killed)).toEqual(store.epoch);
  });

  test('when the mark file is behind, as after a power failure', async () => {
    const file = scratch.file();
    const first = await epochOf(file);
    const before = readFileSync(`${file}.epoch`, 'latin1');
    writeFileSync(`${file}.epoch`, before.replace(/\d{16}\n$/, `${'0'.repeat(16)}\n`));
    expect(await epochOf(file)).toEqual(first);
  });
});

describe('[EPO3] the epoch is new', () => {
  async function expectNew(file: string, before: Epoch, force = false): Promise<void> {
    const after = await epochOf(file, force);
    expect(after.id).not.toBe(before.id);
    expect(after.secret).not.toBe(before.secret);
    expect(after.isFirst).toBe(false);
    expect(await epochOf(file)).toEqual(after);
  }

  test('where a backup replaces the database, with and without its mark file', async () => {
    const file = scratch.file();
    const first = await epochOf(file);
    const backup = scratch.file();
    await backUpDatabase(file, backup, noProgress);
    copy(backup, file);
    await expectNew(file, first);
    await expectNew(backup, first);
  });

  test('where a plain copy of an earlier run is restored, though nothing was written since', async () => {
    const file = scratch.file();
    const first = await epochOf(file);
    const earlier = scratch.file();
    copy(file, earlier);
    expect(await epochOf(file)).toEqual(first);
    copy(earlier, file);
    await expectNew(file, first);
  });

  test('where a plain copy of a killed run is restored, which had written more', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    await store.commit(each(user));
    const killed = scratch.file();
    copy(file, killed);
    await store.commit(each(creation('/users/2')));
    copy(file, killed, ['.epoch']);
    await expectNew(killed, store.epoch, true);
  });

  test('where the mark file is missing or invalid', async () => {
    const file = scratch.file();
    const first = await epochOf(file);
    rmSync(`${file}.epoch`);
    await expectNew(file, first);
    const second = await epochOf(file);
    writeFileSync(`${file}.epoch`, '');
    await expectNew(file, second);
  });

  test('where the database is new and another one was there before', async () => {
    const file = scratch.file();
    const first = await epochOf(file);
    for (const end of ofDatabase) rmSync(file + end, { force: true });
    await expectNew(file, first);
  });

  test('where the database is of a version without epochs: an earlier restore cannot be ruled out', async () => {
    const file = scratch.file();
    makeVersion1(file);
    const first = await epochOf(file);
    expect(first).toMatchObject({ id: expect.stringMatching(/^[0-9a-f]{16}$/), isFirst: false });
    expect(await epochOf(file)).toEqual(first);
  });

  test('where objects are replaced, also for the next process', async () => {
    const file = scratch.file();
    const first = await epochOf(file);
    const store = await scratch.open({ file });
    await store.commit(each(update(user.object, { n: 2 })));
    const { object, change } = user;
    await store.restore([{ object, history: [change], replaces: true }], 0);
    const { epoch } = store;
    expect(epoch.id).not.toBe(first.id);
    await store.close();
    expect(await epochOf(file)).toEqual(epoch);
  });
});

test('[EPO3] a store whose mark file cannot be written is not opened, and the error names the file', async () => {
  const file = scratch.file();
  await epochOf(file);
  rmSync(`${file}.epoch`);
  mkdirSync(`${file}.epoch`);
  const attempt = scratch.open({ file });
  await expect(attempt).rejects.toBeInstanceOf(StoreRefused);
  await expect(attempt).rejects.toThrow(`${file}.epoch cannot be`);
});
