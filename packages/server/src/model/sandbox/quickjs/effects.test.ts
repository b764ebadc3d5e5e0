import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestSandbox } from './sandbox.fixture.js';

let sandbox: TestSandbox;
let plain: TestSandbox;

beforeAll(async () => {
  sandbox = await TestSandbox.open({
    postHooks: { effects: 3, effectChars: 2000, reads: 4 },
    memoryLimit: 16 * 1024 * 1024,
  });
  plain = await TestSandbox.open();
});

afterAll(async () => {
  await sandbox.close();
  await plain.close();
});

async function effectsOf(source: string) {
  const result = await sandbox.hook(source);
  return result.kind === 'returned' ? result.effects : result;
}

describe('the effects of a post hook', () => {
  test('[POST4] comes out in the order of the calls, as it was at the call', async () => {
    const source = `
      const body = { n: 1, list: [1] };
      const answers = [create("/a", body), update("/a/1", [{ op: "set" }]), remove("/a/2")];
      body.n = 2;
      body.list.push(2);
      return answers;`;
    expect(await sandbox.hook(source)).toEqual({
      kind: 'returned',
      value: [null, null, null],
      hidden: [],
      effects: [
        ['create', '/a', { n: 1, list: [1] }],
        ['update', '/a/1', [{ op: 'set' }]],
        ['remove', '/a/2', null],
      ],
    });
    expect(await effectsOf('emit("x"); emit("y", "\\u0000\\n\\ud800"); emit("z", -0);')).toEqual([
      ['emit', 'x', null],
      ['emit', 'y', '\u0000\n\ud800'],
      ['emit', 'z', 0],
    ]);
  });

  test('[POST4] nothing is nothing, and no call leaves anything for the next', async () => {
    expect(await effectsOf('return 1')).toEqual([]);
    expect(await effectsOf('emit("a")')).toEqual([['emit', 'a', null]]);
    expect(await effectsOf('return 2')).toEqual([]);
  });

  test('[POST6] a run that throws, late or early, has no effects', async () => {
    const threw = { kind: 'threw', line: 1, message: 'Error: no' };
    expect(await sandbox.hook('emit("a"); throw new Error("no")')).toEqual(threw);
    const late = 'emit("a"); return Promise.resolve().then(() => { throw new Error("no") });';
    expect(await sandbox.hook(late)).toMatchObject({ kind: 'threw' });
  });

  test('[POST4] effects of a promise count too', async () => {
    const source = 'emit("a"); return Promise.resolve().then(() => emit("b"));';
    expect(await effectsOf(source)).toEqual([
      ['emit', 'a', null],
      ['emit', 'b', null],
    ]);
  });

  test.each([
    ['emit("a", "x".repeat(2000));', 'TypeError: what it asks for is longer than 2000 characters'],
    ['for (;;) emit("a");', 'beyond limits.hookWrites'],
    ['emit(1);', 'TypeError: emit takes a name, a text, first'],
    ['create({});', 'TypeError: create takes an R, a text, first, or an object that has one'],
    ['update([["/a"], "/b"]);', 'TypeError: update takes a list of [R, changes]'],
    ['create(["/a"]);', 'TypeError: create takes a list of [R, body]'],
    ['remove(["/a", 1]);', 'TypeError: remove takes an R, a text, first'],
    ['try { emit(1); } catch {}', 'TypeError: emit takes a name'],
    ['remove(obj);', 'ReferenceError'],
    ['emit("a", () => 1);', 'which is no JSON'],
    ['emit("a", { n: 1n });', 'which is no JSON'],
    ['emit("a", { n: 0 / 0 });', 'which is no JSON'],
    ['const a = {}; a.a = a; emit("a", a);', 'TypeError'],
    ['let a = 1; for (let n = 0; n < 70; n++) a = [a]; emit("a", a);', 'deeper than 64'],
  ])('[POST4] beyond its bounds it throws: %s', async (source, message) => {
    const result = await sandbox.hook(source);
    expect(result.kind).toBe('threw');
    expect(result).toHaveProperty('message', expect.stringContaining(message));
  });

  test('[POST4] a script that changes what is built in changes nothing of this', async () => {
    const source = `
      JSON.stringify = () => '"bad"],["remove","/all"'; Array.prototype.toJSON = () => "bad";
      String.prototype.toJSON = () => "bad"; TypeError = null;
      emit("a", { b: "c" });`;
    const effects = await effectsOf(source);
    expect(effects).toEqual([['emit', expect.any(String), expect.anything()]]);
  });

  test('[POST7] only post hooks have these functions, and no others', async () => {
    const there =
      'return ["emit", "create", "update", "remove", "cancel", "hide", "print"].map((n) => typeof globalThis[n])';
    const [yes, no] = ['function', 'undefined'];
    expect(await sandbox.hook(there)).toMatchObject({ value: [yes, yes, yes, yes, no, no, yes] });
    expect(await plain.body(there)).toMatchObject({ value: [no, no, no, no, yes, yes, yes] });
  });
});
