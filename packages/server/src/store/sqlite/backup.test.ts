import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { noProgress, type Progress } from '../../platform/progress.js';
import { creation, each, update } from '../contract/sample-writes.js';
import { backUpDatabase } from './backup.js';
import { openSqliteExportReader } from './export-reader.js';
import { Scratch } from './scratch.fixture.js';
import { makeVersion1 } from './tables/schema-v1.fixture.js';

describe('a backup', () => {
  const scratch = Scratch.each();

  test('[MOV1] is from one moment, whatever is written while it is made', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    const many = Array.from({ length: 2000 }, (_, n) =>
      creation(`/users/${n}`, { n, s: 'x'.repeat(3500) }),
    );
    await store.commit(each(...many));
    const steps: string[] = [];
    const writing: Promise<unknown>[] = [];
    const progress: Progress = {
      begin: ({ doing }) => void steps.push(doing),
      advance() {
        const [first] = many.splice(0, 1);
        if (first) writing.push(store.commit(each(update(first.object, { n: -1 }))));
      },
      end() {},
    };
    const target = scratch.file();
    const found = await backUpDatabase(file, target, progress);
    await Promise.all(writing);
    expect(writing.length).toBeGreaterThan(10);
    expect(steps).toEqual(['copying', 'verifying']);
    expect(found).toEqual({ position: 2000, objects: 2000, changes: 2000 });
    expect(await store.position()).toBeGreaterThan(2000);
    const copy = await scratch.open({ file: target });
    expect(await copy.position()).toBe(2000);
    expect((await copy.get('/users/0'))?.rev).toBe(1);
    expect(await copy.commit(each(creation('/users/next')))).toMatchObject([
      { kind: 'committed', positions: [2001] },
    ]);
  });

  test('[MOV1] of a database of an older version keeps that version: it is the way back from the new one', async () => {
    const file = scratch.file();
    makeVersion1(file);
    const target = scratch.file();
    const found = await backUpDatabase(file, target, noProgress);
    expect(found).toEqual({ position: 3, objects: 2, changes: 3 });
    const db = new Database(target, { readonly: true });
    scratch.defer(() => void db.close());
    expect(db.pragma('user_version', { simple: true })).toBe(1);
    const store = await scratch.open({ file: target });
    expect(await store.get('/users/1')).toMatchObject({ rev: 2, data: { n: 2 } });
  });

  test("[MOV2] of a file that is no database, or another program's, is refused", async () => {
    const file = scratch.file();
    const target = scratch.file();
    const backUp = (source: string) => backUpDatabase(source, target, noProgress);
    await expect(backUp(file)).rejects.toThrow(`there is no database at ${file}`);
    const other = new Database(file);
    other.exec('CREATE TABLE t (a)');
    other.close();
    await expect(backUp(file)).rejects.toThrow(`${file} is a database of another program`);
    expect(() => readFileSync(target)).toThrow();
  });
});

describe('a reader', () => {
  const scratch = Scratch.each();

  test('[MOV3] does not read a database of an older version', () => {
    const file = scratch.file();
    makeVersion1(file);
    expect(() => openSqliteExportReader(file)).toThrow(
      /written by an older version: start the server/,
    );
  });
});
