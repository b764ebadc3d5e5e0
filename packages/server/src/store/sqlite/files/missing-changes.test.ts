import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../../platform/log.js';
import { noProgress } from '../../../platform/progress.js';
import { systemPlatform } from '../../../platform/system.js';
import { creation, each, queryOf } from '../../contract/sample-writes.js';
import type { Store } from '../../store.js';
import { AnswersMissing, StoreRefused } from '../../store-errors.js';
import { backUpDatabase } from '../backup.js';
import { openForReading } from '../open-database.js';
import { Scratch } from '../scratch.fixture.js';
import { openSqliteStore } from '../store.js';
import { makeVersion1 } from '../tables/schema-v1.fixture.js';

const scratch = Scratch.each();
const text = 'x'.repeat(500);

async function write(store: Store, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) {
    await store.commit(each(creation(`/users/${n}`, { n, text })));
  }
}

/** Copies the files of an open store, as a killed process leaves them. */
function killed(file: string, ends: readonly string[] = ['', '-wal', '.epoch']): string {
  const copy = scratch.file();
  for (const end of ends) if (existsSync(file + end)) copyFileSync(file + end, copy + end);
  return copy;
}

/** The files of a server that was started twice, wrote 3 changes and then 20, and was killed. */
async function killedServer(): Promise<string> {
  const file = scratch.file();
  const first = await scratch.open({ file });
  await write(first, 0, 3);
  await first.close();
  await write(await scratch.open({ file }), 3, 20);
  return killed(file);
}

/** Flips one bit of a file. */
function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}

/** As after a power failure: the system had not written the position yet. */
function forgetPosition(file: string): void {
  const mark = readFileSync(`${file}.epoch`, 'latin1');
  writeFileSync(`${file}.epoch`, mark.replace(/\d{16}\n$/, `${'0'.repeat(16)}\n`));
}

async function refusalOf(file: string): Promise<AnswersMissing> {
  const refused = await scratch.open({ file }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refused).toBeInstanceOf(AnswersMissing);
  return refused as AnswersMissing;
}

async function changesIn(file: string, force = false): Promise<number> {
  const store = await scratch.open({ file, force });
  const count = await store.count(queryOf('users'));
  await store.close();
  return count;
}

describe('[DUR9] a database is not opened', () => {
  test('without its log, and says how many changes are missing and what to do', async () => {
    const file = await killedServer();
    rmSync(`${file}-wal`);
    const { message, missing } = await refusalOf(file);
    expect(missing).toBe(20);
    expect(message).toBe(
      `${file} lacks the last 20 committed changes: ${file}-wal is missing or empty; put the log back as it was, or restore a backup, or start with --force to go on with what is there`,
    );
    // Nothing has changed: it is refused again, and opens as soon as the log is back.
    expect(existsSync(`${file}-wal`)).toBe(false);
    expect((await refusalOf(file)).message).toBe(message);
  });

  test('with a truncated log; with the whole log restored it opens and lacks nothing', async () => {
    const file = await killedServer();
    const log = readFileSync(`${file}-wal`);
    truncateSync(`${file}-wal`, 0);
    expect((await refusalOf(file)).missing).toBe(20);
    writeFileSync(`${file}-wal`, log.subarray(0, log.length / 2));
    const { missing, message } = await refusalOf(file);
    expect(missing).toBeGreaterThan(0);
    expect(missing).toBeLessThan(20);
    expect(message).toContain(`${file}-wal is damaged or an older one`);
    writeFileSync(`${file}-wal`, log);
    expect(await changesIn(file)).toBe(23);
  });

  test('with a byte flipped in the middle of the log, also after a power failure', async () => {
    const file = await killedServer();
    flip(`${file}-wal`, Math.floor(statSync(`${file}-wal`).size / 2));
    expect((await refusalOf(file)).missing).toBeGreaterThan(0);
    forgetPosition(file);
    expect((await refusalOf(file)).missing).toBeUndefined();
    expect(await changesIn(file, true)).toBeLessThan(23);
  });

  test('where it was restored alone, without its log and its mark file', async () => {
    const file = scratch.file();
    await write(await scratch.open({ file }), 0, 5);
    const alone = killed(file, ['']);
    const { missing, message } = await refusalOf(alone);
    expect(missing).toBeUndefined();
    expect(message).toContain(`${alone} lacks committed changes: ${alone}-wal is missing or empty`);
  });

  test('without its log where an external reader blocked checkpoints all the time', async () => {
    const file = scratch.file();
    const first = await scratch.open({ file });
    await write(first, 0, 3);
    const reader = openForReading(file);
    reader.exec('BEGIN');
    expect(reader.prepare('SELECT count(*) FROM changes').pluck().get()).toBe(3);
    await first.close();
    await write(await scratch.open({ file }), 3, 4);
    const copy = killed(file);
    reader.close();
    expect(await changesIn(killed(copy))).toBe(7);
    rmSync(`${copy}-wal`);
    await refusalOf(copy);
  });
});

describe('[DUR9] a database is opened normally', () => {
  test('after a clean stop, after a kill, and after a kill in the middle of a commit', async () => {
    const file = await killedServer();
    expect(await changesIn(killed(file))).toBe(23);
    const torn = killed(file);
    appendFileSync(`${torn}-wal`, readFileSync(`${torn}-wal`).subarray(32, 5000));
    expect(await changesIn(torn)).toBe(23);
    expect(await changesIn(torn)).toBe(23);
  });

  test('after a power failure, whatever of the last commit is on disk', async () => {
    const file = await killedServer();
    forgetPosition(file);
    const { size } = statSync(`${file}-wal`);
    for (const bytes of [1, 30, 2000, 4100, 5000]) {
      const cut = killed(file);
      truncateSync(`${cut}-wal`, size - bytes);
      expect(await changesIn(cut)).toBeGreaterThanOrEqual(21);
    }
    flip(`${file}-wal`, size - 5);
    expect(await changesIn(file)).toBeGreaterThanOrEqual(21);
  });

  test('where a backup replaces a killed database, or stands alone', async () => {
    const file = await killedServer();
    const backup = scratch.file();
    await backUpDatabase(file, backup, noProgress);
    for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true });
    copyFileSync(backup, file);
    expect(await changesIn(file)).toBe(23);
    expect(await changesIn(backup)).toBe(23);
  });

  test('where another program copied the log into it and removed the log', async () => {
    const file = await killedServer();
    rmSync(`${file}-shm`, { force: true });
    const other = new Database(file);
    other.pragma('wal_checkpoint(TRUNCATE)');
    other.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
    expect(await changesIn(file)).toBe(23);
  });

  test('of a version without epochs', async () => {
    const file = scratch.file();
    makeVersion1(file);
    const store = await scratch.open({ file });
    expect(await store.position()).toBe(3);
  });
});

describe('[DUR9] [EPO3] with force', () => {
  test('it is opened as it is, under a new epoch, with a loud warning, once', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    await write(store, 0, 5);
    const cut = killed(file);
    rmSync(`${cut}-wal`);
    const errors: [object, string][] = [];
    const log = {
      ...silentLog,
      error: (fields: object, message: string) => void errors.push([fields, message]),
    };
    const opened = await openSqliteStore(
      { file: cut, readers: 1, force: true },
      systemPlatform,
      log,
    );
    scratch.defer(() => opened.close());
    expect(await opened.position()).toBe(0);
    expect(opened.epoch.id).not.toBe(store.epoch.id);
    expect(opened.epoch.isFirst).toBe(false);
    expect(errors).toEqual([
      [{ missing: 5 }, expect.stringContaining('went on because of --force')],
    ]);
    await opened.close();
    const again = await scratch.open({ file: cut });
    expect(again.epoch).toEqual(opened.epoch);
  });

  test('it is not opened where the rest is corrupt', async () => {
    const file = await killedServer();
    rmSync(`${file}-wal`);
    const pages = Math.floor(statSync(file).size / 4096);
    truncateSync(file, (pages - 3) * 4096);
    const attempt = scratch.open({ file, force: true });
    await expect(attempt).rejects.toBeInstanceOf(StoreRefused);
    await expect(attempt).rejects.toThrow(/is damaged/);
  });
});
