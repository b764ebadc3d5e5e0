import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HookReply, HookState } from '../../hook-state.js';
import { seededRandom } from './engine/seeded-random.js';
import { emptyState, TestSandbox } from './sandbox.fixture.js';

let sandbox: TestSandbox;

beforeAll(async () => {
  sandbox = await TestSandbox.open({
    postHooks: { effects: 10, effectChars: 100_000, reads: 5 },
  });
});

afterAll(async () => {
  await sandbox.close();
});

const one = { _r: '/users/1', _rev: 1, name: 'Ann' };
const two = { _r: '/users/2', _rev: 1, name: 'Bob' };
const answers: Record<string, HookReply> = {
  '["get","/users/1"]': { value: one },
  '["get","/users/0"]': { value: null },
  '["get",["/users/1","/users/0"]]': { value: [one, null] },
  '["read","/users",{"filter":"name = $n","values":{"n":"Ann"},"limit":2}]': { value: [one, two] },
  '["read","/users"]': { value: [one, two] },
  '["count","/users"]': { value: 2 },
  '["count","/nope"]': {
    error: { code: 404, message: 'count /nope: 404 model.unknown', errors: { r: ['no'] } },
  },
};

async function resultOf(source: string) {
  const result = await sandbox.hook(source, answers);
  return result.kind === 'returned' ? result.value : result;
}

/** One execution. */
async function advance(source: string, state: Partial<HookState>) {
  const program = await sandbox.program('body', source, []);
  return await sandbox.sandbox.advance(program, {}, { ...emptyState, ...state });
}

describe('the reads of a post hook', () => {
  test.each([
    ['return get("/users/1").name;', 'Ann'],
    ['return get("/users/0");', null],
    ['return get(get("/users/1"));', one],
    ['return get(["/users/1", "/users/0"]);', [one, null]],
    [
      'return read("/users", { filter: "name = $n", values: { n: "Ann" }, limit: 2, sort: undefined }).length;',
      2,
    ],
    ['return [count("/users"), count("/users")];', [2, 2]],
    ['return Promise.resolve().then(() => get("/users/1").name);', 'Ann'],
    [
      'let name = ""; for (const { _r } of read("/users").slice(0, 1)) name = get(_r).name; return name;',
      'Ann',
    ],
  ])('[HRD1] return at once: %s', async (source, expected) => {
    expect(await resultOf(source)).toEqual(expected);
  });

  test('[HRD1] throw an error that can be caught, with its code', async () => {
    const source = `
      try { count("/nope"); } catch (error) {
        return [error instanceof Error, error.code, error.message, error.errors];
      }`;
    expect(await resultOf(source)).toEqual([
      true,
      404,
      'count /nope: 404 model.unknown',
      { r: ['no'] },
    ]);
    expect(await sandbox.hook('\n\ncount("/nope");', answers)).toEqual({
      kind: 'threw',
      message: 'Error: count /nope: 404 model.unknown',
      line: 3,
    });
  });

  test.each([
    ['get();', 'get takes an R, a text, first, or an object that has one'],
    ['get([1]);', 'get takes an R, a text, first'],
    ['read(1);', 'read takes the R of a collection, a text, first'],
    ['count("/users", [1]);', 'count takes an object of options second'],
    ['read("/users", { limit: 1n });', 'which is no JSON'],
    ['read("/users", { filter: "x".repeat(2 ** 21) });', 'characters of JSON, and no more'],
  ])('[HRD1] say what they take: %s', async (source, message) => {
    const result = await sandbox.hook(source, answers);
    expect(result).toMatchObject({ kind: 'threw', message: expect.stringContaining(message) });
  });

  test('[HRD1] beyond their number they throw, and a loop with try and catch is out of time', async () => {
    const beyond = 'for (let n = 0; n < 6; n++) count("/users");';
    expect(await sandbox.hook(`\n${beyond}`, answers)).toEqual({
      kind: 'threw',
      message:
        'Error: count: a run may read 5 times (get takes a list, and read finds up to 1,000): beyond limits.hookReads',
      line: 2,
    });
    const caught = 'let n = 0; try { for (;; n++) count("/users"); } catch {} return n;';
    expect(await resultOf(caught)).toBe(5);
    const endless = 'for (;;) try { count("/users"); } catch {}';
    expect(await sandbox.hook(endless, answers)).toMatchObject({ kind: 'stopped', reason: 'time' });
  });

  test('[HRD1] no catch and no finally sees that an execution ends at one', async () => {
    const source = `
      let seen = 0;
      try { get("/users/1"); } catch { seen++; } finally { emit("finally", seen); }`;
    expect(await sandbox.hook(source, answers)).toMatchObject({
      kind: 'returned',
      effects: [['emit', 'finally', 0]],
    });
  });
});

describe('executions of a run', () => {
  test('[HRD1] agree on time and randomness, and print once', async () => {
    sandbox.printed.length = 0;
    const source = `
      const first = [Math.random(), Math.random(), Date.now(), now()];
      print("first", first[0]);
      get("/users/1");
      print("second");
      get("/users/" + (first[0] < 2 ? 1 : 0));
      emit("first", first);
      return [...first, Math.random()];`;
    const result = await sandbox.hook(source, answers);
    const { seed, now } = emptyState;
    const random = seededRandom(seed);
    const numbers = [random(), random()];
    const first = [...numbers, now, new Date(now).toISOString()];
    expect(result).toMatchObject({
      value: [...first, random()],
      effects: [['emit', 'first', first]],
    });
    expect(sandbox.printed.map((line) => line.split(': ')[1])).toEqual([
      `first ${numbers[0]}`,
      'second',
    ]);
  });

  test('[HRD1] another run has other random numbers', async () => {
    const random = async (seed: number[]) => await advance('return Math.random();', { seed });
    const numbers = new Set<unknown>();
    for (let n = 0; n < 50; n++) numbers.add(JSON.stringify(await random([n, 0, 0, 0])));
    expect(numbers.size).toBe(50);
  });

  test('[HRD1] that ask for something else get an error, and cannot catch it', async () => {
    const known = { call: '["get","/users/2"]', reply: '{"value":1}' };
    const source = 'try { get("/users/1"); } catch { return 1; }';
    expect(await advance(source, { answers: [known] })).toMatchObject({
      kind: 'threw',
      message: expect.stringMatching(
        /it asks for \["get","\/users\/1"\] where it asked for \["get","\/users\/2"\] before/,
      ),
    });
  });

  test('[HRD1] hand over each effect once, in order, however many', async () => {
    const source = `
      for (let n = 0; n < 25; n++) emit("a", n);
      const users = read("/users");
      update(users, { seen: true });
      update([[users[0], { n: 1 }], ["/users/2", [{ op: "set" }]]]);
      create("/records", users.map(({ name }) => ({ name })));
      create([["/records/1", { name: "x" }], ["/records", {}]]);
      remove(users);
      remove(["/users/3"]);`;
    sandbox.pauses.length = 0;
    const result = await sandbox.hook(source, answers);
    expect(result).toMatchObject({
      effects: [
        ...Array.from({ length: 25 }, (_, n) => ['emit', 'a', n]),
        ['update', '/users/1', { seen: true }],
        ['update', '/users/2', { seen: true }],
        ['update', '/users/1', { n: 1 }],
        ['update', '/users/2', [{ op: 'set' }]],
        ['create', '/records', { name: 'Ann' }],
        ['create', '/records', { name: 'Bob' }],
        ['create', '/records/1', { name: 'x' }],
        ['create', '/records', {}],
        ['remove', '/users/1', null],
        ['remove', '/users/2', null],
        ['remove', '/users/3', null],
      ],
    });
    // 10 and 10 of the first, 5 at the read, 10 more.
    expect(sandbox.pauses.map(({ effects }) => effects.length)).toEqual([10, 10, 5, 10]);
  });

  test('[HRD1] know what was written before, also in the middle of a list', async () => {
    const source = 'update(["/a/1", "/a/2", "/a/3"], { n: 1 });';
    expect(await advance(source, { effects: 2 })).toMatchObject({
      effects: [['update', '/a/3', { n: 1 }]],
    });
  });

  test('[HRD1] get time for reading 4 MiB of answers', async () => {
    const rows = Array.from({ length: 26_000 }, (_, n) => {
      const text = { title: `A task with the title ${n}`, state: 'open', tags: ['a', 'b'] };
      return { _r: `/projects/42/tasks/${n}`, _rev: 3, n, assignee: `/users/${n}`, ...text };
    });
    const reply = JSON.stringify({ value: rows });
    expect(reply.length).toBeGreaterThan(3.5 * 1024 * 1024);
    const answers = [{ call: '["read","/users"]', reply }];
    expect(await advance('return read("/users").length;', { answers })).toMatchObject({
      value: rows.length,
    });
  });
});
