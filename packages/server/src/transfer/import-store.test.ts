import { describe, expect, onTestFinished, test } from 'vitest';
import type { ModelSet } from '../model/model.js';
import { type Files, loaded } from '../model/models.fixture.js';
import { creation, each } from '../store/contract/sample-writes.js';
import type { Store } from '../store/store.js';
import { ImportRefused } from './import-plan.js';
import { file, imported, openMemory, testNow } from './transfer.fixture.js';

const files: Files = {
  'users/model.yaml': `version: 2
fields:
  name: { type: String, required: true }
  email: { type: String, unique: true }
  born: { type: Date }
  tags: { type: List, items: String }
  home: { type: Object, fields: { street: { type: String } } }
  friend: { type: reference, collectionR: /users, fields: [name] }
  loud: { type: Calculated, valueType: String, dependsOn: name, value: 'this.name + "!"' }
`,
  'users/posts/model.yaml': 'version: 1\nfields:\n  text: { type: String }\n',
};

async function app(): Promise<{ store: Store; models: ModelSet; load: typeof load }> {
  const { models } = await loaded(files);
  const { store, close } = await openMemory();
  onTestFinished(close);
  await store.prepare(models.all().map(({ layout }) => layout));
  const load = (text: string | Buffer, onConflict?: 'skip' | 'replace') =>
    imported(store, models, text, onConflict);
  return { store, models, load };
}

async function problemsOf(importing: Promise<unknown>): Promise<readonly string[]> {
  const error: unknown = await importing.then(
    () => new Error('it was imported'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ImportRefused)) throw error;
  return error.problems;
}

const user = (id: string, data: object = {}, more: object = {}) => ({
  r: `/users/${id}`,
  rev: 1,
  modelVersion: 2,
  ...more,
  data: { name: id, ...data },
});
const change = (id: string, rev: number, more: object = {}) => ({
  change: {
    ...{ r: `/users/${id}`, rev, at: 5, by: { uid: 'u' }, modelVersion: 2 },
    ...(rev === 1 ? { type: 'create', created: {} } : { type: 'update' }),
    ...more,
  },
});

describe('imported data', () => {
  test('[MOV8] an object without a history gets a creation, so that it is replayed', async () => {
    const { store, load } = await app();
    await load(file(user('a'), user('b', {}, { rev: 7, touched: { name: 6 } })));
    expect(await store.get('/users/b')).toMatchObject({ rev: 7, touched: { name: 6 } });
    const { entries } = await store.created({ names: ['users'], parents: [] }, 0, 10);
    expect(entries.map(({ change }) => change)).toMatchObject([
      {
        r: '/users/a',
        rev: 1,
        created: { name: 'a', loud: 'a!' },
        by: { uid: '_system' },
        at: testNow,
      },
      { r: '/users/b', rev: 1, created: {}, by: { uid: '_system' }, at: testNow },
    ]);
    expect(await store.history('/users/b', 6, 10)).toMatchObject({ complete: false });
  });

  test('[MOV8] a tombstone without a history is imported', async () => {
    const { store, load } = await app();
    await load(file({ r: '/users/a', rev: 3, modelVersion: 2, deleted: true }));
    expect(await store.get('/users/a')).toMatchObject({ rev: 3, deleted: true, data: {} });
    expect(await store.history('/users/a', 2, 9)).toMatchObject({ entries: [], complete: false });
    expect(await store.created({ names: ['users'], parents: [] }, 0, 9)).toMatchObject({
      entries: [],
    });
  });

  test('[MOV8] ids come after those of the store that the file is from', async () => {
    const { store, load } = await app();
    const newest = testNow + 1_000_000;
    await load(`{"really":"export","version":1,"newest":${newest}}\n{"end":{}}\n`);
    expect(await store.latestChangeTime()).toBe(newest);
    await load(`{"really":"export","version":1}\n{"end":{"newest":${newest + 1}}}\n`);
    expect(await store.latestChangeTime()).toBe(newest + 1);
  });

  test('[MOV8] an object of an older model version is imported unchanged', async () => {
    const { store, load } = await app();
    const old = { ...user('a', { before: [1] }), modelVersion: 1 };
    await load(file(old));
    expect(await store.get('/users/a')).toMatchObject({ data: old.data, modelVersion: 1 });
  });

  test('[MOV8] missing calculated fields are computed, others are kept', async () => {
    const { store, load } = await app();
    const text = file(user('a'), user('b', { loud: 'of old' }));
    await load(text);
    expect((await store.get('/users/a'))?.data).toEqual({ name: 'a', loud: 'a!' });
    expect((await store.get('/users/b'))?.data).toEqual({ name: 'b', loud: 'of old' });
    expect(await load(text)).toMatchObject({ written: 0, same: 2 });
    expect(await problemsOf(load(file(user('c', { loud: 5 }))))).toEqual([
      'line 2: /users/c: data.loud: expected a value of the type String (type.invalid)',
    ]);
  });

  test('[MOV8] values are converted to their stored form', async () => {
    const { store, load } = await app();
    await load(file(user('a', { loud: 'a!', born: '2020-01-01T02:00:00+02:00', home: null })));
    const { data } = (await store.get('/users/a')) ?? {};
    expect(data).toEqual({ name: 'a', born: '2020-01-01T00:00:00.000Z', loud: 'a!' });
  });

  test('[MOV4] of several lines of an object the last one counts', async () => {
    const { store, load } = await app();
    const text = file(
      user('a', { email: 'x' }),
      user('b', { email: 'y' }),
      { since: 5 },
      user('a', { email: 'z' }, { rev: 2 }),
      { since: 6 },
      user('c', { email: 'x' }),
      user('a', { email: 'w' }, { rev: 3 }),
    );
    for (let turn = 0; turn < 2; turn++) {
      await load(text);
      expect(await store.get('/users/a')).toMatchObject({ rev: 3, data: { email: 'w' } });
      expect(await store.get('/users/c')).toMatchObject({ rev: 1, data: { email: 'x' } });
    }
  });
});

describe('refused files', () => {
  test('[MOV8] a job in a file from when jobs were called errands is imported as a job', async () => {
    const { store, load } = await app();
    const job = { rev: 1, modelVersion: 0, data: { kind: 'verify', uid: 'u', attempts: 0 } };
    await load(file({ r: '/_errands/1', ...job }));
    expect(await store.get('/_errands/1')).toBeUndefined();
    expect(await store.get('/_jobs/1')).toMatchObject({ rev: 1, data: job.data });
  });

  test('[MOV9] all problems are reported with their lines, and nothing is written', async () => {
    const { store, load } = await app();
    const text = file(
      user('good'),
      'not json',
      { r: '/users/a', rev: '2', modelVersion: 2, data: {} },
      { r: '/users/', rev: 1, modelVersion: 2, data: {} },
      user('b', { tags: ['x', 5], home: { street: 1 }, friend: '/posts/1', name: null }),
      { r: '/user/c', rev: 1, modelVersion: 1, data: {} },
      user('d', {}, { modelVersion: 3 }),
      user('e', {}, { touched: { name: 2 } }),
      user('f', {}, { colour: 'red' }),
      { ...user('g'), data: [] },
      { hello: 1 },
      { r: '/users/h', rev: 1, modelVersion: 2 },
    );
    expect(await problemsOf(load(text))).toEqual([
      'line 3: expected a JSON object, not "not json"',
      'line 4: rev: expected a whole number from 1 on, not "2"',
      'line 5: r: expected the R of an object, such as /users/1, not "/users/"',
      'line 6: /users/b: data.name: expected a value (value.required)',
      'line 6: /users/b: data.tags[1]: expected a value of the type String (type.invalid)',
      'line 6: /users/b: data.home.street: expected a value of the type String (type.invalid)',
      'line 6: /users/b: data.friend: expected the R of an object of /users/* (reference.invalid)',
      'line 7: /user/c: r: the app has no collection /user/*; did you mean /users/*?',
      'line 8: /users/d: modelVersion: expected at most 2, as the model of /users/* says, not 3',
      'line 9: touched.name: expected a revision from 1 to 1, not 2',
      'line 10: colour is not known; expected r, rev, modelVersion, deleted, touched, data',
      'line 11: data: expected an object, not []',
      'line 12: expected an object with `r`, or `change`, `since` or `end`',
      'line 13: data: expected an object, not nothing',
    ]);
    expect(await store.get('/users/good')).toBeUndefined();
    expect(await store.position()).toBe(0);
  });

  test('[MOV9] a collection without its parents is reported with a suggestion', async () => {
    const model = 'version: 1\nfields: { n: { type: Long } }\n';
    const keys = ['users', 'projects', 'projects/tasks'];
    const { models } = await loaded(
      Object.fromEntries(keys.map((key) => [`${key}/model.yaml`, model])),
    );
    const { store, close } = await openMemory();
    onTestFinished(close);
    const of = (r: string) =>
      problemsOf(imported(store, models, file({ r, rev: 1, modelVersion: 1, data: {} })));
    const reported = (r: string, meant: string) => [
      `line 2: ${r}/1: r: the app has no collection ${r}/*${meant}`,
    ];
    expect(await of('/tasks/1')).toEqual(reported('/tasks', '; did you mean /projects/*/tasks/*?'));
    expect(await of('/task/1')).toEqual(reported('/task', '; did you mean /projects/*/tasks/*?'));
    expect(await of('/user/1')).toEqual(reported('/user', '; did you mean /users/*?'));
    expect(await of('/colours/1')).toEqual(reported('/colours', ''));
  });

  test('[MOV9] the first line is the header', async () => {
    const { load } = await app();
    const begin = (text: string) => problemsOf(load(text));
    const expected =
      'line 1: expected the first line of an export, {"really":"export","version":1,…}';
    expect(await begin('')).toEqual(['line 1: the file is empty']);
    expect(await begin('name,email\nann,x\n')).toEqual([expected]);
    expect(await begin('{"r":"/users/1"}\n')).toEqual([expected]);
    expect(await begin('{"really":"export","version":2}\n{"new":1}\n')).toEqual([
      'line 1: version: the file was written by a newer version: its format is 2, this program knows formats up to 1',
    ]);
    expect(await begin('{"really":"export"}\n')).toEqual([
      'line 1: version: expected a whole number from 1 on, not nothing',
    ]);
  });

  test('[MOV9] a file cut off anywhere is refused', async () => {
    const { store, load } = await app();
    const text = file(change('a', 1), change('a', 2), user('a', { email: 'ü' }, { rev: 2 }));
    const bytes = Buffer.from(text);
    // Without the very last byte, the end of the last line, the file is complete.
    for (let size = 0; size < bytes.length - 1; size++) {
      expect((await problemsOf(load(bytes.subarray(0, size)))).join(), `${size}`).toMatch(/^line /);
    }
    expect(await store.position()).toBe(0);
    expect(await load(bytes.subarray(0, -1))).toMatchObject({ written: 1 });
  });

  test('[MOV9] additions of editors are harmless: other line ends, a byte order mark, empty lines', async () => {
    const { load } = await app();
    const text = file(user('a'), '', user('b'), '  ');
    expect(await load(`\ufeff${text.replaceAll('\n', '\r\n')}\r\n\n`)).toMatchObject({
      written: 2,
    });
  });

  test('[MOV9] excessive nesting is refused', async () => {
    const { load } = await app();
    const deep = `{"r":"/users/a","rev":1,"modelVersion":1,"data":{"x":${'['.repeat(1e5)}${']'.repeat(1e5)}}}`;
    expect(await problemsOf(load(file(deep)))).toEqual([
      'line 2: expected at most 1000 levels of JSON',
    ]);
  });

  test('[NUM1] [MOV9] a number that is not finite is refused, wherever it is', async () => {
    const { load } = await app();
    const line = (data: string) => `{"r":"/users/a","rev":1,"modelVersion":1,"data":${data}}`;
    for (const [data, path] of [
      ['{"x":1e400}', 'data.x'],
      ['{"x":{"y":[0,-1e400]}}', 'data.x.y[1]'],
    ] as const) {
      expect(await problemsOf(load(file(line(data))))).toEqual([
        `line 2: ${path}: expected a number that is finite`,
      ]);
    }
  });

  test('[MOV9] a line that is not UTF-8 is refused', async () => {
    const { load } = await app();
    const [before = '', after = ''] = file(user('a', { email: '#' })).split('#');
    const bytes = Buffer.concat([Buffer.from(before), Buffer.from([0xff]), Buffer.from(after)]);
    expect(await problemsOf(load(bytes))).toEqual(['line 2: it is not UTF-8']);
    const other = Buffer.from(`\ufeff${file(user('a'))}`, 'utf16le');
    expect((await problemsOf(load(other)))[0]).toBe('line 1: it is not UTF-8');
    expect((await problemsOf(load(other.subarray(0, 9))))[0]).toBe('line 1: it is not UTF-8');
  });

  test('[MOV9] changes and their object must match', async () => {
    const { load } = await app();
    const reported = async (...lines: object[]) => (await problemsOf(load(file(...lines))))[0];
    const ofA = { r: '/users/a' };
    expect(await reported(change('a', 1), user('b'))).toBe(
      'line 3: r: expected /users/a, whose changes stand before it, not /users/b',
    );
    expect(await reported(change('a', 2), change('a', 4), user('a', {}, { rev: 4 }))).toBe(
      'line 3: change.rev: expected 3, not 4',
    );
    expect(await reported(change('a', 1), change('a', 2), user('a', {}, { rev: 3 }))).toBe(
      'line 4: rev: expected 2 as of its last change, not 3',
    );
    expect(await reported(change('a', 1), { ...ofA, rev: 1, modelVersion: 1, deleted: true })).toBe(
      'line 3: deleted: expected false as its changes say, not true',
    );
    expect(await reported(change('a', 1))).toBe(
      'line 3: expected the object /users/a after its changes',
    );
    expect(await reported(change('a', 1, { type: 'move' }))).toBe(
      'line 2: change.type: expected create, update, delete, not "move"',
    );
    const delta = { name: { op: 'shout', opValue: 1 } };
    expect(await reported(change('a', 2, { delta }))).toBe(
      'line 2: change.delta.name.op: expected set, addNumber, push, addToSet, pull, insertAt, removeAt, not "shout"',
    );
    expect(await reported(change('a', 1, { by: { uid: 7 } }))).toBe(
      'line 2: change.by.uid: expected a text, not 7',
    );
  });

  test('[MOV9] the last line is checked', async () => {
    const { load } = await app();
    const text = `{"really":"export","version":1}\n${JSON.stringify(user('a'))}\n`;
    const reported = async (end: object) => problemsOf(load(`${text}${JSON.stringify({ end })}\n`));
    expect(await reported({ objects: 2 })).toEqual([
      'line 3: end.objects: expected 1, as many as there are, not 2',
    ]);
    expect(await reported({ objects: 1, changes: 1 })).toEqual([
      'line 3: end.changes: expected 0, as many as there are, not 1',
    ]);
    const more = `${text}{"end":{}}\n${JSON.stringify(user('b'))}\n`;
    expect(await problemsOf(load(more))).toEqual([
      'line 4: expected nothing after the line with `end`',
    ]);
  });

  test('[MOV9] of many problems the first ones are reported', async () => {
    const { load } = await app();
    const lines = Array.from({ length: 100 }, (_, n) => user(`${n}`, { name: n }));
    const problems = await problemsOf(load(file(...lines)));
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toBe('and there may be more');
  });

  test('[MOV9] a taken value of a unique field ends the import at that line, without its batch', async () => {
    const { store, load } = await app();
    await load(file(user('0', { email: 'm' })));
    const lines = Array.from({ length: 700 }, (_, n) => user(`${n + 1}`));
    const problems = await problemsOf(load(file(...lines, user('last', { email: 'm' }))));
    expect(problems[0]).toBe(
      'line 702: /users/last: data.email: expected a value that no other object has (value.not.unique)',
    );
    expect(problems[1]).toBe(
      '500 objects before it were imported and stay; repeat the call to continue once that is fixed',
    );
    expect(await store.get('/users/500')).toBeDefined();
    expect(await store.get('/users/501')).toBeUndefined();
    expect(await load(file(...lines))).toMatchObject({ written: 200, same: 500 });
  });
});

describe('data from a store', () => {
  const header = '{"really":"export","version":1,"position":9}';
  const exportOf = (...lines: readonly object[]) =>
    [header, ...[...lines, { end: {} }].map((line) => JSON.stringify(line)), ''].join('\n');
  const nameless = { r: '/users/a', rev: 2, modelVersion: 2, data: { email: 'a' } };

  test('[MOV15] is imported unchanged, and misfits with the models are named and counted', async () => {
    const { store, load } = await app();
    const odd = user('b', { born: '2020-01-01T02:00:00+02:00', tags: 'x', loud: 7, colour: 'red' });
    const lines = [
      nameless,
      odd,
      user('c', { friend: 'ann' }, { modelVersion: 9 }),
      { r: '/gone/1', rev: 1, modelVersion: 1, data: { x: 1 } },
      user('d', { before: true }, { modelVersion: 1 }),
      user('e', { friend: '/users/d' }),
      { r: '/users/f', rev: 3, modelVersion: 2, deleted: true },
    ];
    expect(await load(exportOf(...lines))).toMatchObject({
      written: 7,
      unfitCount: 4,
      unfit: [
        'line 2: /users/a: data.name: expected a value (value.required)',
        'line 3: /users/b: data.tags: expected a value of the type List (type.invalid)',
        'line 3: /users/b: data.colour: the model has no such field (field.unknown)',
        'line 3: /users/b: data.loud: expected a value of the type String (type.invalid)',
        'line 4: /users/c: modelVersion: expected at most 2, as the model of /users/* says, not 9',
        'line 5: /gone/1: r: the app has no collection /gone/*',
      ],
      missing: [],
    });
    // Missing calculated fields stay missing, too.
    for (const line of lines.slice(0, -1)) {
      const { r, data } = line as { r: string; data: object };
      expect((await store.get(r))?.data, r).toEqual(data);
    }
    expect(await load(exportOf(...lines))).toMatchObject({ written: 0, same: 7, unfitCount: 4 });
  });

  test('[MOV15] the first ten misfits are named, and all are counted', async () => {
    const { store, load } = await app();
    const lines = Array.from({ length: 600 }, (_, n) => ({
      ...nameless,
      r: `/users/${n}`,
      data: {},
    }));
    await store.commit(each(creation('/users/0', { name: 'there' })));
    const { unfit, ...counts } = await load(exportOf(...lines), 'skip');
    expect(counts).toMatchObject({ written: 599, skipped: 1, unfitCount: 599 });
    expect(unfit).toHaveLength(10);
    expect(unfit[0]).toMatch(/^line 3: \/users\/1: /);
  });

  test('[MOV15] of an object with several lines the last one is checked', async () => {
    const { load } = await app();
    const text = exportOf(nameless, user('b'), { since: 5 }, user('a', {}, { rev: 3 }));
    expect(await load(text)).toMatchObject({ written: 2, unfit: [], unfitCount: 0 });
  });

  test('[MOV15] a value that its validation refuses now is named', async () => {
    const yaml = 'version: 2\nfields:\n  mood: { type: String, validation: value != "bad" }\n';
    const { models } = await loaded({ 'days/model.yaml': yaml });
    const { store, close } = await openMemory();
    onTestFinished(close);
    const day = { r: '/days/1', rev: 1, modelVersion: 2, data: { mood: 'bad' } };
    expect((await imported(store, models, exportOf(day))).unfit).toEqual([
      'line 2: /days/1: data.mood: expected a value that passes its validation (validation.custom.failed)',
    ]);
    expect(await imported(store, models, file({ ...day, r: '/days/2' }))).toMatchObject({
      unfit: [],
    });
  });
});

describe('existing objects', () => {
  const there = { name: 'a', email: 'there' };

  test('[MOV10] [MOV11] identical content is no error', async () => {
    const { store, load } = await app();
    const text = file(change('a', 1), change('a', 2), user('a', {}, { rev: 2 }), user('b'));
    expect(await load(text)).toMatchObject({ written: 2, same: 0 });
    const position = await store.position();
    expect(await load(text)).toMatchObject({ written: 0, same: 2 });
    expect(await store.position()).toBe(position);
  });

  test('[MOV10] other content refuses the file before anything is written', async () => {
    const { store, load } = await app();
    await store.commit(each(creation('/users/b', there)));
    const text = file(user('a'), user('b'), user('c'));
    expect(await problemsOf(load(text))).toEqual([
      'line 3: /users/b is there already with other content; expected --skip-existing or --replace to say which one stays',
    ]);
    expect(await store.get('/users/a')).toBeUndefined();
  });

  test('[MOV10] an existing object stays with --skip-existing, and is replaced with --replace', async () => {
    const { store, load } = await app();
    await store.commit(each(creation('/users/b', there)));
    const text = file(user('a'), user('b', { email: 'new' }, { rev: 5 }));
    expect(await load(text, 'skip')).toMatchObject({ written: 1, skipped: 1 });
    expect((await store.get('/users/b'))?.data).toEqual(there);
    expect(await load(text, 'replace')).toMatchObject({ written: 1, same: 1, replaced: 1 });
    expect(await store.get('/users/b')).toMatchObject({ rev: 5, data: { email: 'new' } });
  });

  test('[MOV10] unique values may move among all objects of the file, however far apart', async () => {
    const { store, load } = await app();
    const ids = Array.from({ length: 1300 }, (_, n) => String(n));
    await load(file(...ids.map((id) => user(id, { email: `m${id}` }))));
    const swapped = (id: string) => ({ '0': 'm1299', '1299': 'm0' })[id] ?? `m${id}`;
    const rotated = (id: string) => `m${(Number(id) + 1) % ids.length}`;
    for (const [rev, emailOf] of [swapped, rotated].entries()) {
      const lines = ids.map((id) => user(id, { email: emailOf(id) }, { rev: rev + 2 }));
      expect(await load(file(...lines), 'replace')).toMatchObject({ written: ids.length });
      const stored = await store.getMany(ids.map((id) => `/users/${id}`));
      expect(stored.map((object) => object?.data.email)).toEqual(ids.map(emailOf));
      expect(await load(file(...lines), 'replace')).toMatchObject({ written: 0 });
    }
  });

  test('[MOV10] a value of an object that the file does not replace is reported at the end', async () => {
    const { store, load } = await app();
    await load(file(user('0', { email: 'm' }), user('1', { email: 'n' })));
    const lines = Array.from({ length: 700 }, (_, n) => user(`a${n}`));
    const clash = user('1', { email: 'm' }, { rev: 2 });
    expect(await problemsOf(load(file(clash, ...lines), 'replace'))).toEqual([
      'line 2: /users/1: data.email: expected a value that no other object has (value.not.unique)',
      '201 objects before it were imported and stay; repeat the call to continue once that is fixed',
    ]);
    expect((await store.get('/users/1'))?.data.email).toBe('n');
  });

  test('[MOV10] a line that a later one replaces is not compared', async () => {
    const { store, load } = await app();
    await load(file(user('a', { email: 'new' }, { rev: 2 })));
    const text = file(user('a'), { since: 1 }, user('a', { email: 'new' }, { rev: 2 }));
    expect(await load(text)).toMatchObject({ written: 0, same: 1 });
    expect(await store.get('/users/a')).toMatchObject({ rev: 2 });
  });
});

describe('targets of references', () => {
  const post = (user: string) => ({
    r: `/users/${user}/posts/1`,
    rev: 1,
    modelVersion: 1,
    data: { text: 'x' },
  });

  test('[MOV12] may come later in the file, also batches later', async () => {
    const { load } = await app();
    const others = Array.from({ length: 1200 }, (_, n) => user(`o${n}`));
    const text = file(post('a'), user('b', { friend: '/users/a' }), ...others, user('a'));
    expect(await load(text)).toMatchObject({ written: 1203, missing: [], missingCount: 0 });
  });

  test('[MOV12] that are missing in the end are reported', async () => {
    const { store, load } = await app();
    const text = file(post('a'), user('b', { friend: '/users/nobody' }));
    expect(await load(text)).toMatchObject({
      written: 2,
      missing: [
        '/users/a, which /users/a/posts/1 points at',
        '/users/nobody, which /users/b points at',
      ],
      missingCount: 2,
    });
    expect(await store.get('/users/a/posts/1')).toBeDefined();
  });
});
