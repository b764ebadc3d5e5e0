import { existsSync } from 'node:fs';
import {
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allEntries } from '../harness/all-entries.js';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { accountsApp, post } from '../wire/auth/accounts-app.js';
import {
  contentOf,
  databaseIn,
  fillTasks,
  linesBetween,
  movingApp,
  openStoreIn,
} from './moving-data-app.js';
import { linesOf, runProgram } from './run-program.js';

// Each test starts many processes.
const run = (app: AppFolder, ...args: string[]) => runProgram(args, { dir: app.dir });

/** The output except progress lines. */
const toldIn = (stderr: string) =>
  linesOf(stderr).filter((line) => !/^really: \w+: [\d,]+ of [\d,]+ \w+ \(/.test(line));

const tokenOf = (uid: string) => signToken({ uid });

/** Writes until it is stopped; acknowledged writes are recorded. */
async function writeOn(server: ServerProcess, name: string, stop: () => boolean) {
  const client = await Client.connect(server.socketUrl, tokenOf(name));
  const r = `/tasks/${name}`;
  const answered = new Map<string, number>([[r, 1]]);
  await client.request({ cmd: 'create', r, body: { title: name } });
  for (let n = 0; !stop(); n++) {
    const note = `${r}/notes/${n}`;
    const made = await client.request({ cmd: 'create', r: note, body: { text: `${n}`, about: r } });
    const ops = [{ op: 'addNumber', key: 'votes', value: 1 }];
    const grown = await client.request({ cmd: 'update', r, rev: n + 1, body: { ops } });
    if (made.error || grown.error) throw new Error(JSON.stringify([made, grown]));
    answered.set(note, 1).set(r, grown.rev ?? 0);
  }
  client.close();
  return answered;
}

/** Runs a command while four clients write, and stops them after it. */
async function underLoad<T>(server: ServerProcess, work: () => Promise<T>) {
  let stopped = false;
  const names = ['ann', 'bob', 'cid', 'dee'];
  const writing = names.map((name) => writeOn(server, name, () => stopped));
  try {
    const client = await Client.connect(server.socketUrl, tokenOf('watch'));
    for (const name of names) {
      const r = `/tasks/${name}`;
      await expect
        .poll(async () => (await client.request({ cmd: 'get', r })).body?._rev ?? 0)
        .toBeGreaterThan(3);
    }
    return await work();
  } finally {
    stopped = true;
    await Promise.all(writing);
  }
}

interface Kept {
  readonly object: { readonly r: string; readonly rev: number };
  readonly history: readonly { readonly rev: number }[];
}

test('[CLI5] an output file in a folder that is missing, or that is a file, is refused with its name', async () => {
  await using app = await appFolder({ ...movingApp, taken: '' });
  await fillTasks(app.dir, 1);
  const dir = await realpath(app.dir);
  for (const [refusal, ...command] of [
    ['the backup FILE cannot be made', 'backup'],
    ['FILE cannot be written', 'export'],
    ['FILE cannot be written', 'models', 'types', '--out'],
  ] as const) {
    for (const [file, reason] of [
      ['missing/out', `the folder ${dir}/missing does not exist`],
      ['taken/out', `there is a file in the way: ${dir}/taken`],
    ] as const) {
      const told = `really: ${refusal.replace('FILE', file)}: ${reason}\n`;
      expect(await run(app, ...command, file)).toMatchObject({ code: 1, stderr: told });
    }
  }
});

describe('backup', () => {
  test('[MOV1] of a server under load is whole, and a server starts on it', async () => {
    await using app = await appFolder(movingApp);
    await fillTasks(app.dir, 2000);
    await using server = await ServerProcess.start({ dir: app.dir });
    const done = await underLoad(server, () => run(app, 'backup', 'copy.db'));
    expect(done).toMatchObject({ code: 0, stdout: '' });
    expect(toldIn(done.stderr)[0]).toMatch(/^really: backed up [\d,]+ objects and [\d,]+ changes/);
    const copy = join(app.dir, 'copy.db');
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    const content = (await contentOf(copy)) as Map<string, Kept>;
    expect(content.size).toBeGreaterThan(2004);
    for (const [r, { object, history }] of content) {
      expect(
        history.map(({ rev }) => rev),
        r,
      ).toEqual(Array.from({ length: object.rev }, (_, index) => index + 1));
      const parent = /^(\/tasks\/\w+)\/notes/.exec(r)?.[1];
      if (parent !== undefined) expect(content.has(parent), r).toBe(true);
    }
    // What is in the copy is the beginning of what is in the original now.
    await server.stop();
    const original = (await contentOf(databaseIn(app.dir))) as Map<string, Kept>;
    for (const [r, { history }] of content) {
      expect(original.get(r)?.history.slice(0, history.length), r).toEqual(history);
    }
    await using restored = await appFolder(movingApp);
    await mkdir(join(restored.dir, 'data'));
    await rename(copy, databaseIn(restored.dir));
    await using second = await ServerProcess.start({ dir: restored.dir });
    const client = await Client.connect(second.socketUrl, tokenOf('ann'));
    const { body } = await client.request({ cmd: 'get', r: '/tasks/ann' });
    expect(body._rev).toBe(content.get('/tasks/ann')?.object.rev);
    const made = await client.request({ cmd: 'create', r: '/tasks', body: { title: 'next' } });
    expect(made.error).toBeUndefined();
  });

  test('[MOV2] a file that is there stays, unless --force replaces it', async () => {
    await using app = await appFolder({ ...movingApp, 'copy.db': 'mine' });
    await fillTasks(app.dir, 10);
    const refused = await run(app, 'backup', 'copy.db');
    expect(refused).toMatchObject({
      code: 1,
      stderr: 'really: copy.db is there already: --force replaces it\n',
    });
    expect(await readFile(join(app.dir, 'copy.db'), 'utf8')).toBe('mine');
    expect(await run(app, 'backup', 'copy.db', '--force')).toMatchObject({ code: 0 });
    expect((await contentOf(join(app.dir, 'copy.db'))).size).toBe(10);
    expect(await run(app, 'backup', 'data/really.db', '--force')).toMatchObject({
      code: 1,
      stderr: 'really: data/really.db is the database itself\n',
    });
    await symlink(join(app.dir, 'data'), join(app.dir, 'same'));
    for (const command of ['backup', 'export']) {
      expect(await run(app, command, 'same/really.db', '--force')).toMatchObject({
        code: 1,
        stderr: 'really: same/really.db is the database itself\n',
      });
    }
    expect((await contentOf(databaseIn(app.dir))).size).toBe(10);
  });

  test('[MOV2] a failure leaves nothing behind', async () => {
    await using app = await appFolder({ ...movingApp, 'old.db': 'mine' });
    expect(await run(app, 'backup', 'copy.db')).toMatchObject({ code: 1 });
    await fillTasks(app.dir, 200);
    const database = databaseIn(app.dir);
    const bytes = await readFile(database);
    // A page in the middle is no longer what it was: only looking through it finds that out.
    bytes.fill(0xee, 4096 * 20, 4096 * 21);
    await writeFile(database, bytes);
    const damaged = await run(app, 'backup', 'old.db', '--force');
    expect(damaged.code).toBe(1);
    expect(toldIn(damaged.stderr)).toHaveLength(1);
    expect(await readFile(join(app.dir, 'old.db'), 'utf8')).toBe('mine');
    expect(await run(app, 'backup', 'no/such/copy.db')).toMatchObject({ code: 1 });
    const left = (await readdir(app.dir)).filter((name) => /copy|part/.test(name));
    expect(left).toEqual([]);
  });
});

describe('export', () => {
  test('[MOV4] [MOV7] [CLI11] of a server under load is of one position', async () => {
    await using app = await appFolder(movingApp);
    await fillTasks(app.dir, 3000);
    await using server = await ServerProcess.start({ dir: app.dir });
    const done = await underLoad(server, () => run(app, 'export', '--history'));
    expect(done.code).toBe(0);
    expect(linesOf(done.stderr)[0]).toMatch(/^really: exporting: 0 of [\d,]+ objects \(0 %\)$/);
    const last = new Map<string, { rev: number }>();
    let history: number[] = [];
    for (const line of linesBetween(done.stdout).map((text) => JSON.parse(text))) {
      if (line.change) history.push(line.change.rev);
      if (line.r === undefined) continue;
      expect(history, line.r).toEqual(Array.from({ length: line.rev }, (_, n) => n + 1));
      history = [];
      last.set(line.r, line);
    }
    const { position } = JSON.parse(linesOf(done.stdout).at(-1) ?? '').end;
    await server.stop();
    // As of that position: each object has as many revisions as were written up to it.
    const store = await openStoreIn(app.dir);
    const changesIn = (scope: Parameters<typeof store.changes>[0]) =>
      allEntries((after, limit) => store.changes(scope, after, limit));
    const changes = [
      ...(await changesIn({ names: ['tasks'], parents: [] })),
      ...(await changesIn({ names: ['tasks', 'notes'], parents: ['*'] })),
    ];
    await store.close();
    const expected = new Map<string, number>();
    for (const { pos, change } of changes.sort((a, b) => a.pos - b.pos)) {
      if (pos <= position) expected.set(change.r, change.rev);
    }
    expect(new Map([...last].map(([r, { rev }]) => [r, rev]))).toEqual(expected);
  });

  test('[MOV5] [MOV7] a file is made once, gone on with, or replaced', async () => {
    await using app = await appFolder(movingApp);
    await fillTasks(app.dir, 1500);
    const file = join(app.dir, 'data.ndjson');
    expect(await run(app, 'export', 'data.ndjson', '--resume')).toMatchObject({ code: 0 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const whole = await readFile(file, 'utf8');
    expect(await run(app, 'export', 'data.ndjson')).toMatchObject({
      code: 1,
      stderr: 'really: data.ndjson exists already: --resume continues it, --force replaces it\n',
    });
    expect(await run(app, 'export', 'data.ndjson', '--resume')).toMatchObject({
      code: 0,
      stderr: 'really: data.ndjson is complete already\n',
    });
    await writeFile(file, whole.slice(0, 70_000));
    expect(await run(app, 'export', 'data.ndjson', '--resume', '--history')).toMatchObject({
      code: 1,
      stderr:
        'really: data.ndjson was begun with other options: expected the same --history, --system and --collection\n',
    });
    expect(await run(app, 'export', 'data.ndjson', '--resume')).toMatchObject({ code: 0 });
    expect(await readFile(file, 'utf8')).toBe(whole);
    await writeFile(file, 'mine, not yours\n');
    expect(await run(app, 'export', 'data.ndjson', '--resume')).toMatchObject({ code: 1 });
    expect(await readFile(file, 'utf8')).toBe('mine, not yours\n');
    expect(await run(app, 'export', 'data.ndjson', '--force')).toMatchObject({ code: 0 });
    expect(linesBetween(await readFile(file, 'utf8'))).toEqual(linesBetween(whole));
  });

  test('[MOV6] an unknown collection is reported with the most similar one, and wrong usage ends with 2', async () => {
    await using app = await appFolder(movingApp);
    await fillTasks(app.dir, 3);
    const of = (...args: string[]) => run(app, 'export', ...args);
    expect(await of('--collection', '/task')).toMatchObject({
      code: 2,
      stderr: 'really: --collection: there is no collection /task/*; did you mean /tasks/*?\n',
    });
    expect(await of('--collection', '/tasks/1')).toMatchObject({ code: 2, stdout: '' });
    expect(await of('--collection', '/tasks', 'data.ndjson')).toMatchObject({
      code: 2,
      stderr:
        'really: --collection: expected a collection such as /users/* or /users/*/posts/*, not data.ndjson (the FILE stands before it)\n',
    });
    expect(await of('--resume')).toMatchObject({
      code: 2,
      stderr: 'really: --resume and --force need a FILE\n',
    });
    expect(await of('--data', 'nowhere')).toMatchObject({ code: 1, stdout: '' });
    const { stdout } = await of('--collection', '/tasks/*');
    expect(JSON.parse(linesOf(stdout)[0] ?? '').collections).toEqual(['/tasks/*']);
    expect(linesBetween(stdout)).toHaveLength(3);
  });

  test('[MOV6] [MOV14] accounts are exported only with --system, and can log in after the import', async () => {
    await using app = await appFolder({ ...movingApp, ...accountsApp });
    const account = { email: 'ann@example.org', password: 'correct horse battery' };
    {
      await using server = await ServerProcess.start({ dir: app.dir });
      const signup = { ...account, name: 'Ann' };
      expect(await post(`${server.url}/auth/password/signup`, signup)).toMatchObject({
        status: 200,
      });
      await server.stop();
    }
    expect((await run(app, 'export')).stdout).not.toContain('/_accounts/');
    await run(app, 'export', 'all.ndjson', '--system', '--history');
    const all = await readFile(join(app.dir, 'all.ndjson'), 'utf8');
    expect(all).toContain('/_accounts/');
    await using other = await appFolder({ ...movingApp, ...accountsApp, 'all.ndjson': all });
    expect(await run(other, 'import', 'all.ndjson')).toMatchObject({ code: 0 });
    await run(other, 'export', 'again.ndjson', '--system', '--history');
    const again = await readFile(join(other.dir, 'again.ndjson'), 'utf8');
    expect(linesBetween(again)).toEqual(linesBetween(all));
    await using server = await ServerProcess.start({ dir: other.dir });
    expect(await post(`${server.url}/auth/password/login`, account)).toMatchObject({
      status: 200,
    });
  });
});

describe('import', () => {
  test('[MOV13] if a server runs, it says so and does nothing', async () => {
    await using app = await appFolder(movingApp);
    await fillTasks(app.dir, 5);
    await run(app, 'export', 'data.ndjson');
    await using server = await ServerProcess.start({ dir: app.dir });
    const refused = await run(app, 'import', 'data.ndjson', '--replace');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(linesOf(refused.stderr)).toEqual([
      `really: ${databaseIn(app.dir)} is in use by another process: is a server running on this data already?`,
    ]);
    await server.stop();
  });

  test('[MOV15] objects written under earlier models can be imported under the current models', async () => {
    const access = 'access: { create: true, read: true, update: true, delete: true }';
    const first = `version: 1\nfields:\n  n: { type: Long }\n  kind: { type: Long }\n${access}\n`;
    const now = {
      'models/plans/model.yaml': `version: 2
fields:
  n: { type: Long }
  kind: { type: String, validation: value == "x" }
  title: { type: String, required: true }
${access}
`,
      'models/plans/evolution-2.js': 'return { ...obj, n: (obj.n || 0) + 1 };\n',
    };
    const ask = async (dir: string, messages: readonly object[]) => {
      await using server = await ServerProcess.start({ dir });
      const client = await Client.connect(server.socketUrl, tokenOf('ann'));
      const answers = [];
      for (const one of messages) answers.push(await client.request(one as { cmd: string }));
      await server.stop();
      return answers;
    };
    await using app = await appFolder({
      'models/plans/model.yaml': first,
      'models/before/model.yaml': first,
    });
    await ask(app.dir, [
      { cmd: 'create', r: '/plans/a', body: { n: 1, kind: 7 } },
      { cmd: 'create', r: '/plans/gone', body: { n: 1 } },
      { cmd: 'delete', r: '/plans/gone' },
      { cmd: 'create', r: '/before/b', body: { n: 5 } },
    ]);
    await app.write(now);
    await rm(join(app.dir, 'models/before'), { recursive: true });
    const ops = [{ op: 'addNumber', key: 'n', value: 1 }];
    const looks = ['/plans/a', '/plans/gone', '/before/b'].map((r) => ({ cmd: 'get', r }));
    const [, ...before] = await ask(app.dir, [
      { cmd: 'update', r: '/plans/a', rev: 1, body: { ops } },
      ...looks,
    ]);
    expect(before[0]?.body).toEqual({ _r: '/plans/a', _rev: 2, n: 3, kind: 7 });
    const { stdout } = await run(app, 'export', '--history');
    await using other = await appFolder({ ...now, 'data.ndjson': stdout });
    const reported = await run(other, 'import', 'data.ndjson');
    expect(reported).toMatchObject({ code: 0 });
    expect(toldIn(reported.stderr)).toEqual([
      'really: imported 3 objects',
      'really: kept as it is: line 3: /before/b: r: the app has no collection /before/*',
      'really: kept as it is: line 6: /plans/a: data.kind: expected a value of the type String (type.invalid)',
      'really: kept as it is: line 6: /plans/a: data.title: expected a value (value.required)',
      'really: objects that the models as they are now would refuse: 2',
    ]);
    const withoutTags = (answers: readonly object[]) => answers.map((one) => ({ ...one, tag: 0 }));
    expect(withoutTags(await ask(other.dir, looks))).toEqual(withoutTags(before));
    expect(linesBetween((await run(other, 'export', '--history')).stdout)).toEqual(
      linesBetween(stdout),
    );
  });

  test('[MOV8] [MOV14] it moves an app: the data of a server is served by another, which continues with it', async () => {
    await using app = await appFolder(movingApp);
    {
      await using server = await ServerProcess.start({ dir: app.dir });
      const client = await Client.connect(server.socketUrl, tokenOf('ann'));
      const say = async (message: object) => {
        const answer = await client.request(message as { cmd: string });
        expect(answer.error).toBeUndefined();
        return answer;
      };
      await say({ cmd: 'create', r: '/tasks/a', body: { title: 'A', mail: 'a@x' } });
      await say({ cmd: 'create', r: '/tasks/a/notes', body: { text: 'n', about: '/tasks/a' } });
      const ops = [{ op: 'set', key: 'title', value: 'B' }];
      await say({ cmd: 'update', r: '/tasks/a', rev: 1, body: { ops } });
      await say({ cmd: 'create', r: '/tasks/gone', body: { title: 'gone' } });
      await say({ cmd: 'delete', r: '/tasks/gone' });
      await server.stop();
    }
    const { stdout } = await run(app, 'export', '--history');
    await using other = await appFolder({ ...movingApp, 'data.ndjson': stdout });
    expect(toldIn((await run(other, 'import', 'data.ndjson')).stderr)).toEqual([
      'really: imported 3 objects',
    ]);
    await using server = await ServerProcess.start({ dir: other.dir });
    const client = await Client.connect(server.socketUrl, tokenOf('bob'));
    const got = await client.request({ cmd: 'get', r: '/tasks/a' });
    expect(got.body).toMatchObject({ _rev: 2, title: 'B', loud: 'B!', mail: 'a@x' });
    const taken = { cmd: 'create', r: '/tasks', body: { title: 'x', mail: 'a@x' } };
    expect((await client.request(taken)).error).toMatchObject({ code: 409 });
    const buried = await client.request({ cmd: 'create', r: '/tasks/gone', body: { title: 'x' } });
    expect(buried.error).toMatchObject({ code: 409 });
    // Revisions of another store say nothing by themselves; with the view of this one they do.
    const subscriptions = [{ r: '/tasks/a', rev: 1 }];
    await client.request({ cmd: 'subscribe', body: { subscriptions } });
    const snapshot = await client.nextPush();
    expect(snapshot).toMatchObject({ evt: 'snapshot', rev: 2, body: { title: 'B' } });
    const view = String(snapshot.meta?.view);
    using later = await Client.connect(server.socketUrl, tokenOf('bob'));
    const goingOn = [{ r: '/tasks/a', rev: 1, view }];
    await later.request({ cmd: 'subscribe', body: { subscriptions: goingOn } });
    expect(await later.nextPush()).toMatchObject({
      evt: 'updated',
      rev: 2,
      meta: { opBy: { uid: 'ann' } },
    });
    const read = await client.request({ cmd: 'read', r: '/tasks/a/notes' });
    const [note] = read.body.items as { body: { _r: string } }[];
    const next = await client.request({ cmd: 'create', r: '/tasks/a/notes', body: { text: 'm' } });
    expect(idOf(next.body._r)).toBeGreaterThan(idOf(note?.body._r ?? ''));
  });

  test('[MOV8] a client that continues from before receives the imported objects, or has to read again', async () => {
    await using app = await appFolder(movingApp);
    const read = { cmd: 'read', r: '/tasks', cmdOpts: { subscribe: true } };
    const task = (id: string) => ({ r: `/tasks/${id}`, modelVersion: 1, data: { title: id } });
    const lines = [{ really: 'export', version: 1 }, { ...task('in'), rev: 3 }, { end: {} }];
    await app.write({ 'data.ndjson': lines.map((line) => `${JSON.stringify(line)}\n`).join('') });
    let pos = '';
    {
      await using server = await ServerProcess.start({ dir: app.dir });
      const client = await Client.connect(server.socketUrl, tokenOf('ann'));
      await client.request(read);
      await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/tasks/*' }] } });
      await client.request({ cmd: 'create', r: '/tasks/a', body: { title: 'a' } });
      const pushes = [await client.nextPush(), await client.nextPush()];
      expect(pushes.map(({ evt }) => evt)).toEqual(['created', 'created']);
      pos = String(pushes[0]?.meta?.pos);
      await server.stop();
    }
    expect(await run(app, 'import', 'data.ndjson')).toMatchObject({ code: 0 });
    await using server = await ServerProcess.start({ dir: app.dir });
    const client = await Client.connect(server.socketUrl, tokenOf('ann'));
    const since = { subscribe: true, since: pos };
    const again = await client.request({ ...read, cmdOpts: since });
    expect(again.error).toMatchObject({ code: 410, message: 'position.gone' });
    const subscriptions = [{ r: '/tasks/*', pos }];
    await client.request({ cmd: 'subscribe', body: { subscriptions } });
    expect(await client.nextPush()).toMatchObject({ evt: 'created', body: { _r: '/tasks/in' } });
  });

  test('[MOV8] new ids are greater than the imported ones, even if those are of a later time', async () => {
    await using app = await appFolder(movingApp);
    const { stdout } = await run(app, 'models', 'types');
    expect(stdout).not.toBe('');
    const newest = Date.UTC(2060, 0, 1);
    const id = (BigInt(newest - Date.UTC(2014, 8, 15, 7, 12, 33)) << 22n).toString();
    const object = { r: `/tasks/${id}`, rev: 1, modelVersion: 1, data: { title: 'x', votes: 0 } };
    const lines = [{ really: 'export', version: 1, newest }, object, { end: {} }];
    await app.write({ 'data.ndjson': lines.map((line) => `${JSON.stringify(line)}\n`).join('') });
    expect(await run(app, 'import', 'data.ndjson')).toMatchObject({ code: 0 });
    await using server = await ServerProcess.start({ dir: app.dir });
    const client = await Client.connect(server.socketUrl, tokenOf('ann'));
    const made = await client.request({ cmd: 'create', r: '/tasks', body: { title: 'y' } });
    expect(idOf(made.body._r)).toBeGreaterThan(BigInt(id));
  });

  test('[MOV8] objects of an older model version come in as they are, and are migrated as others', async () => {
    const model = (version: number, fields: string) => ({
      'models/users/model.yaml': `version: ${version}
fields: { ${fields} }
access: { create: true, read: true, update: true }
`,
    });
    const old = { r: '/users/1', rev: 4, modelVersion: 1, data: { first: 'Ann', last: 'Lee' } };
    const lines = [{ really: 'export', version: 1 }, old, { end: {} }];
    await using app = await appFolder({
      ...model(2, 'name: { type: String }'),
      'models/users/evolution-2.js': 'return { name: obj.first + " " + obj.last };\n',
      'data.ndjson': lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    });
    expect(await run(app, 'import', 'data.ndjson')).toMatchObject({ code: 0 });
    const [stored] = linesBetween((await run(app, 'export')).stdout);
    expect(JSON.parse(stored ?? '')).toEqual(old);
    await using server = await ServerProcess.start({ dir: app.dir });
    const client = await Client.connect(server.socketUrl, tokenOf('ann'));
    const { body } = await client.request({ cmd: 'get', r: '/users/1' });
    expect(body).toMatchObject({ _rev: 4, name: 'Ann Lee' });
    const read = {
      cmd: 'read',
      r: '/users',
      cmdOpts: { query: { filter: 'name = $n', values: { n: 'Ann Lee' } } },
    };
    expect((await client.request(read)).body.items).toHaveLength(1);
    await server.stop();
    const [migrated] = linesBetween((await run(app, 'export')).stdout);
    expect(JSON.parse(migrated ?? '')).toMatchObject({
      ...{ rev: 4, modelVersion: 2, data: { name: 'Ann Lee' } },
    });
  });

  test('[MOV9] wrong usage and unreadable files are reported in one line', async () => {
    await using app = await appFolder(movingApp);
    const of = (...args: string[]) => run(app, 'import', ...args);
    expect(await of()).toMatchObject({ code: 2 });
    expect(await of('nothing.ndjson')).toMatchObject({
      code: 1,
      stderr: 'really: nothing.ndjson cannot be read: it does not exist\n',
    });
    expect(await of('models')).toMatchObject({
      code: 1,
      stderr: 'really: models is a folder; expected a file\n',
    });
    expect(await of('x', '--skip-existing', '--replace')).toMatchObject({
      code: 2,
      stderr: 'really: --skip-existing and --replace exclude each other\n',
    });
    expect(await of('x', '--store', 'memory')).toMatchObject({
      code: 1,
      stderr: 'really: there is nothing on disk to work on: the store is memory\n',
    });
  });

  test('[MOV14] it reads stdin, and leaves nothing beside the database', async () => {
    await using app = await appFolder(movingApp);
    await fillTasks(app.dir, 700);
    await run(app, 'export', 'data.ndjson', '--history');
    const input = await readFile(join(app.dir, 'data.ndjson'), 'utf8');
    await using other = await appFolder(movingApp);
    const done = await runProgram(['import', '-'], { dir: other.dir, input });
    expect(toldIn(done.stderr)).toEqual(['really: imported 700 objects']);
    expect((await readdir(join(other.dir, 'data'))).filter((name) => /part/.test(name))).toEqual(
      [],
    );
    expect(linesBetween((await run(other, 'export', '--history')).stdout)).toEqual(
      linesBetween(input),
    );
  });
});

test('[HOST5] --app says which app it is about', async () => {
  const models = Object.fromEntries(
    ['one', 'two'].flatMap((app) =>
      Object.entries(movingApp).map(([path, text]) => [
        path.replace('models/', `models/${app}/`),
        text,
      ]),
    ),
  );
  await using app = await appFolder({
    ...models,
    'really.yaml': 'domain: example.org\napps:\n  one: {}\n  two: {}\n',
    'data.ndjson': `{"really":"export","version":1}
{"r":"/tasks/1","rev":1,"modelVersion":1,"data":{"title":"x"}}
{"end":{}}
`,
  });
  expect(await run(app, 'import', 'data.ndjson')).toMatchObject({ code: 2 });
  expect(await run(app, 'import', 'data.ndjson', '--app', 'two')).toMatchObject({ code: 0 });
  expect(existsSync(join(app.dir, 'data/two/really.db'))).toBe(true);
  expect((await run(app, 'export', '--app', 'two')).stdout).toContain('/tasks/1');
  expect(await run(app, 'export', '--app', 'one')).toMatchObject({ code: 1 });
  expect(await run(app, 'backup', 'two.db', '--app', 'two')).toMatchObject({ code: 0 });
  expect((await contentOf(join(app.dir, 'two.db'))).size).toBe(1);
});

const idOf = (r: string) => BigInt(r.slice(r.lastIndexOf('/') + 1));
