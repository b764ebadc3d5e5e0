import { expect, test } from 'vitest';
import { authReads } from './auth-reads.js';
import { parseBody } from './parse-script.js';

function reads(source: string): string {
  const parsed = parseBody(source);
  if (parsed.kind === 'failure') throw new Error(parsed.message);
  const { uid, r, all } = authReads(parsed.tree);
  return all ? 'all' : `${uid ? 'uid ' : ''}${r ? '_r' : ''}`.trim();
}

test('[ACC1] plain reads of a member count as that member', () => {
  expect(reads('obj.public == true')).toBe('');
  expect(reads('obj.auth.data == { auth: 1 }.auth')).toBe('');
  expect(reads('auth: for (;;) break auth;')).toBe('');
  expect(reads('obj.owner == auth.uid')).toBe('uid');
  expect(reads('obj._r == auth._r')).toBe('_r');
  expect(reads('auth["uid"] + auth?._r')).toBe('uid _r');
  expect(reads('if (auth.uid) { hide("x"); } else [1].map((x) => auth._r)')).toBe('uid _r');
});

test('[ACC1] any other use of auth counts as all of it', () => {
  for (const source of [
    'auth.authType == "x"',
    'auth.data.role',
    'auth[name]',
    'auth',
    'JSON.stringify(auth)',
    'const { uid } = auth;',
    'const copy = auth; copy.uid',
    '({ auth })',
    '({ ...auth })',
    'for (const name in auth) print(name)',
    ['`$', '{auth}`'].join(''),
    'function f(auth) { return auth.data; }',
    'obj[auth]',
    '(auth).uid, [auth][0].data',
  ]) {
    expect(reads(source), source).toBe('all');
  }
});

test('[ACC1] a script that could come to auth without naming it counts as reading all of it', () => {
  for (const source of [
    'eval("auth")',
    '(0, eval)("auth")',
    'arguments[1]',
    'Function("return auth")()',
    'hide.constructor("return auth")()',
    'hide["constructor"]("return auth")()',
    'globalThis.auth',
    'with (obj) { print(x) }',
    'hide.caller.arguments',
  ]) {
    expect(reads(source), source).toBe('all');
  }
});

test('[ACC1] a deep script is read to its end', () => {
  expect(reads(`${'['.repeat(200)}auth.uid${']'.repeat(200)}`)).toBe('uid');
  expect(reads(`${'1+'.repeat(1000)}auth.uid`)).toBe('uid');
});
