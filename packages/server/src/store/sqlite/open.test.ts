import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { simulatedPlatform } from '../../platform/simulated.js';
import {
  alone,
  creation,
  deletion,
  each,
  layout,
  queryOf,
  update,
} from '../contract/sample-writes.js';
import { StoreRefused } from '../store-errors.js';
import { defaultSqliteConfig } from './config.js';
import { openForWriting } from './open-database.js';
import { Scratch } from './scratch.fixture.js';
import { makeVersion1 } from './tables/schema-v1.fixture.js';
import { schemaVersion } from './tables/upgrades.js';

const scratch = Scratch.each();

/** The refusal's message: one line that names the file. */
async function refusal(file: string): Promise<string> {
  const attempt = scratch.open({ file });
  await expect(attempt).rejects.toBeInstanceOf(StoreRefused);
  const { message } = (await attempt.catch((error: unknown) => error)) as Error;
  expect(message).not.toContain('\n');
  return message.replace(file, 'FILE');
}

/**
 * Starts another process that opens the file and stays. `source` is the body of a function of
 * `file` and `load`, which imports a module relative to this one. Resolves when it prints
 * something.
 */
async function otherProcess(source: string, file: string): Promise<ChildProcess> {
  const script = join(scratch.folder(), 'other.mjs');
  const here = JSON.stringify(import.meta.url);
  writeFileSync(
    script,
    `import { createRequire } from 'node:module';
     const load = (module) => import(module.startsWith('.') ? new URL(module, ${here}) : createRequire(${here}).resolve(module));
     const file = ${JSON.stringify(file)};
     ${source}
     console.log('ready');
     setInterval(() => {}, 1000);`,
  );
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  scratch.defer(async () => {
    if (child.exitCode === null && child.signalCode === null) await kill(child);
  });
  if (child.stdout) await once(child.stdout, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

const openAndWrite = `
  const { openSqliteStore } = await load('./store.js');
  const { systemPlatform } = await load('../../platform/system.js');
  const { silentLog } = await load('../../platform/log.js');
  const { creation, each } = await load('../contract/sample-writes.js');
  const store = await openSqliteStore({ file }, systemPlatform, silentLog);
  await store.commit(each(creation('/users/1', { n: 1 })));`;

const lockForWriting = `
  const { default: Database } = await load('better-sqlite3');
  // Global, or the garbage collector would close it, and with that let go of the lock.
  globalThis.db = new Database(file);
  db.exec('BEGIN EXCLUSIVE; CREATE TABLE x (y)');`;

describe('opening', () => {
  test('creates the folder and the file', async () => {
    const file = join(scratch.folder(), 'a', 'b', 'really.db');
    const store = await scratch.open({ file });
    await store.commit(each(creation('/users/1')));
    expect(existsSync(file)).toBe(true);
  });

  test('[DUR1] finds everything written before it was closed', async () => {
    const file = scratch.file();
    const platform = simulatedPlatform({ seed: 1 });
    const users = layout('users', [{ fields: ['email'], unique: true }]);
    const once = { uid: 'u1', id: 'k', cmd: 'create', r: '/users/*' };
    const first = await scratch.open({ file }, platform);
    await first.prepare([users]);
    await first.commit([
      alone(creation('/users/1', { email: 'a' }, { at: 77 }), once),
      alone(creation('/users/2')),
    ]);
    await first.commit(each(deletion(creation('/users/2').object)));
    const before = await first.getMany(['/users/1', '/users/2']);
    const history = await first.history('/users/1', 0, 10);
    await first.close();

    const second = await scratch.open({ file }, platform);
    await second.prepare([users]);
    expect(await second.getMany(['/users/1', '/users/2'])).toEqual(before);
    expect(await second.history('/users/1', 0, 10)).toEqual(history);
    expect(await second.position()).toBe(3);
    expect(await second.latestChangeTime()).toBe(1_700_000_000_000);
    expect(await second.once('u1', 'k')).toMatchObject({ results: [{ r: '/users/1', rev: 1 }] });
    const outcomes = await second.commit(
      each(creation('/users/3', { email: 'a' }), creation('/users/4', {})),
    );
    expect(outcomes).toEqual([
      { kind: 'refused', index: 0, refusal: { kind: 'unique', fields: ['email'] } },
      { kind: 'committed', positions: [4] },
    ]);
  });

  test('positions of pruned changes are not used again', async () => {
    const file = scratch.file();
    const now = 1_800_000_000_000;
    const platform = simulatedPlatform({ seed: 1, now });
    const first = await scratch.open({ file }, platform);
    await first.prepare([layout('users', [], { age: 10 })]);
    const last = creation('/users/last', {}, { at: 0 });
    await first.commit(each(last, deletion(last.object, { at: 0 })));
    const notes = Array.from({ length: 300 }, (_, n) => creation(`/notes/${n}`, {}, { at: now }));
    await first.commit(each(...notes));
    await first.commit(each(update(notes[0]?.object ?? last.object, { n: 1 })));
    const position = await first.position();
    await first.close();
    const second = await scratch.open({ file }, platform);
    expect(await second.position()).toBe(position);
    expect(await second.commit(each(creation('/notes/x')))).toEqual([
      { kind: 'committed', positions: [position + 1] },
    ]);
  });

  test('[DUR1] commits are synced to disk before they are answered', () => {
    const { db } = openForWriting({ ...defaultSqliteConfig, file: scratch.file() });
    scratch.defer(() => void db.close());
    expect(db.pragma('synchronous', { simple: true })).toBe(2);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
  });

  test('[DUR1] takes under 2 s with 100,000 objects', async () => {
    const file = scratch.file();
    const users = layout('users', [{ fields: ['n'], unique: false }]);
    const store = await scratch.open({ file });
    await store.prepare([users]);
    for (let n = 0; n < 100_000; n += 2000) {
      const writes = Array.from({ length: 2000 }, (_, i) => creation(`/users/${n + i}`, { n }));
      await store.commit(each(...writes));
    }
    await store.close();
    const before = process.cpuUsage();
    const again = await scratch.open({ file });
    await again.prepare([users]);
    expect((await again.get('/users/99999'))?.rev).toBe(1);
    // CPU time, because the machine may be busy.
    const { user, system } = process.cpuUsage(before);
    expect(user + system).toBeLessThan(2_000_000);
    await again.close();
  });
});

describe('[DUR7] a store that cannot be opened says why', () => {
  test('in use by another process, until that ends, whatever the reason', async () => {
    const file = scratch.file();
    const other = await otherProcess(openAndWrite, file);
    expect(await refusal(file)).toBe(
      'FILE is in use by another process: is a server running on this data already?',
    );
    await kill(other);
    const store = await scratch.open({ file });
    expect((await store.get('/users/1'))?.data).toEqual({ n: 1 });
  });

  test('in use by this process', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    expect(await refusal(file)).toContain('in use');
    await store.commit(each(creation('/users/1')));
    await store.close();
    const again = await scratch.open({ file });
    expect((await again.get('/users/1'))?.rev).toBe(1);
  });

  test('locked by another program', async () => {
    const file = scratch.file();
    await (await scratch.open({ file })).close();
    await otherProcess(lockForWriting, file);
    expect(await refusal(file)).toContain('in use by another process');
  });

  test('of a newer version', async () => {
    const file = scratch.file();
    await (await scratch.open({ file })).close();
    const db = new Database(file);
    db.pragma(`user_version = ${schemaVersion + 1}`);
    db.close();
    const before = readFileSync(file);
    expect(await refusal(file)).toBe(
      `FILE was written by a newer version: its format is ${schemaVersion + 1}, this program knows formats up to ${schemaVersion}`,
    );
    expect(readFileSync(file)).toEqual(before);
  });

  test('no database', async () => {
    const file = scratch.file();
    writeFileSync(file, 'To be, or not to be, that is the question.\n'.repeat(200));
    expect(await refusal(file)).toBe('FILE is not a database');
  });

  test('a database of another program', async () => {
    const file = scratch.file();
    const db = new Database(file);
    db.exec('CREATE TABLE songs (title)');
    db.close();
    expect(await refusal(file)).toBe('FILE is a database of another program');
  });

  test('a folder', async () => {
    const file = scratch.file();
    mkdirSync(file);
    expect(await refusal(file)).toBe('FILE cannot be opened: it is a folder');
  });

  test('with a lock file that cannot be opened', async () => {
    const file = scratch.file();
    mkdirSync(`${file}.lock`);
    expect(await refusal(file)).toMatch(/^FILE\.lock cannot be opened: /);
  });

  test('in a path that is no folder', async () => {
    const file = scratch.file();
    writeFileSync(file, '');
    expect(await refusal(join(file, 'really.db'))).toContain('cannot be made');
  });
});

describe('[DUR7] a file of an older version', () => {
  test('is upgraded when it is opened, and keeps all data', async () => {
    const file = scratch.file();
    makeVersion1(file);
    const platform = simulatedPlatform({ seed: 1, now: 1_700_000_001_000 });
    const store = await scratch.open({ file }, platform);
    await store.prepare([layout('users', [{ fields: ['n'], unique: true }])]);
    expect((await store.get('/users/1'))?.data).toEqual({ n: 2, s: 'x' });
    const { entries, complete } = await store.history('/users/1', 0, 10);
    expect([entries.map(({ rev }) => rev), complete]).toEqual([[1, 2], true]);
    expect(entries.filter((change) => 'cause' in change)).toEqual([]);
    expect(await store.once('u2', 'k')).toMatchObject({ results: [{ r: '/users/2', rev: 1 }] });
    expect(await store.latestChangeTime()).toBe(1_700_000_000_300);
    expect(await store.count(queryOf('users'))).toBe(2);
    const outcomes = await store.commit(each(creation('/users/3', { n: 5 }), creation('/users/4')));
    expect(outcomes).toEqual([
      { kind: 'refused', index: 0, refusal: { kind: 'unique', fields: ['n'] } },
      { kind: 'committed', positions: [4] },
    ]);
  });

  test('has the tables of a new file afterwards', async () => {
    const [older, fresh] = [scratch.file(), scratch.file()];
    makeVersion1(older);
    for (const file of [older, fresh]) {
      const store = await scratch.open({ file });
      await store.commit(each(creation('/users/9')));
      await store.close();
    }
    expect(tablesOf(older)).toEqual(tablesOf(fresh));
  });

  test('stays as it was when the upgrade fails', async () => {
    const file = scratch.file();
    makeVersion1(file);
    const db = new Database(file);
    db.exec('ALTER TABLE meta ADD COLUMN newest INTEGER');
    db.close();
    expect(await refusal(file)).toContain('duplicate column');
    const after = new Database(file, { readonly: true });
    scratch.defer(() => void after.close());
    expect(after.pragma('user_version', { simple: true })).toBe(1);
  });
});

/** Tables with their columns, and indexes, whatever the layout of their SQL. */
function tablesOf(file: string): unknown {
  const db = new Database(file, { readonly: true });
  const names = db.prepare('SELECT type, name FROM sqlite_schema ORDER BY name').all();
  const columns = (names as { type: string; name: string }[])
    .filter(({ type }) => type === 'table')
    .map(({ name }) => [
      name,
      db.prepare('SELECT name, type FROM pragma_table_info(?) ORDER BY name').all(name),
    ]);
  const version = db.pragma('user_version', { simple: true });
  db.close();
  return { names, columns, version };
}
