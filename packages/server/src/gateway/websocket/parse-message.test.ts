import { expect, test } from 'vitest';
import { parseCharged, parseMessage } from './parse-message.js';

const jsonLimits = { depth: 4, keyLength: 10 };
const parse = (text: string) => parseMessage(Buffer.from(text), jsonLimits);

test.each([
  '',
  ' ',
  '{',
  '{"a":1,}',
  "{'a':1}",
  '{a:1}',
  '{"a":NaN}',
  '{}{}',
  '\ufeff{}',
  '[]',
  '[{}]',
  'null',
  '1',
  '"x"',
  'true',
])('[SES7] %j is malformed', (text) => {
  expect(parse(text)).toEqual({ kind: 'malformed' });
});

test('[SES7] invalid UTF-8 is malformed', () => {
  const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]);
  expect(parseMessage(bytes, jsonLimits)).toEqual({ kind: 'malformed' });
});

test('[ENV1] an object is a message', () => {
  expect(parse('{"tag":1}')).toMatchObject({ kind: 'message', message: { tag: 1 }, members: 1 });
});

test('[LIM21] the members of all objects in it are counted', () => {
  const text = '{"tag":1,"body":{"a":[{"b":1},{"b":2,"c":3}]},"long":"enough"}';
  expect(parse(text)).toMatchObject({ kind: 'message', members: 7 });
});

test('[LIM30] the memory of all lists and objects in it is counted', () => {
  const memoryOf = (text: string) => {
    const parsed = parse(text);
    return parsed.kind === 'message' ? parsed.memory : undefined;
  };
  expect(memoryOf(`{"a":[${'[],'.repeat(999)}[]]}`)).toBeGreaterThan(40_000);
  expect(memoryOf(`{"a":[${'{},'.repeat(999)}{}]}`)).toBeGreaterThan(40_000);
  expect(memoryOf(`{"a":[${'0,'.repeat(9999)}0]}`)).toBeGreaterThan(80_000);
  expect(memoryOf(`{"a":"${'x'.repeat(10_000)}"}`)).toBeLessThan(100);
});

test('[LIM8] levels are counted, including the message itself', () => {
  expect(parse('{"a":[{"b":{"c":"long enough to be looked at"}}]}').kind).toBe('message');
  expect(parse('{"a":[{"b":{"c":{}}}],"x":"long enough"}')).toMatchObject({
    kind: 'exceeds-limits',
    member: 'a',
    detail: 'too.deep',
  });
  expect(parse(`{"x":1,"body":${'['.repeat(1e5)}${']'.repeat(1e5)}}`)).toMatchObject({
    kind: 'exceeds-limits',
    member: 'body',
    detail: 'too.deep',
  });
});

test('[LIM8] brackets in strings are not levels', () => {
  expect(parse('{"a":"[[[[[[[[[[[[[[{{{{{{{{{{{{{{"}').kind).toBe('message');
});

test('[LIM8] the length of a name is limited at any level', () => {
  expect(parse('{"0123456789":1}').kind).toBe('message');
  for (const text of [
    '{"01234567890":1}',
    '{"a":{"01234567890":1}}',
    '{"a":[{"01234567890":1}]}',
  ]) {
    expect(parse(text)).toMatchObject({ kind: 'exceeds-limits', detail: 'key.too.long' });
  }
});

test('[SES7] a member named __proto__ is data and changes nothing else', () => {
  const parsed = parse('{"__proto__":{"tag":7},"x":1}');
  expect(parsed.kind === 'message' && parsed.message.tag).toBe(undefined);
});

test.each([
  ['a message', '{"a":{"b":"…"}}', { members: 2 }],
  ['what is no JSON', '{"a":"…"', { members: 0 }],
  ['what exceeds a limit', `{"a":{"${'k'.repeat(300)}":"…"}}`, { members: 0 }],
])('[LIM27] the time to parse %s is charged, unless it is short', (_what, text, cost) => {
  let now = 0;
  const platform = { clock: { monotonic: () => now++ } };
  const charged: object[] = [];
  const intake = { payParsed: (paid: object) => charged.push(paid) };
  const limits = { depth: 64, keyLength: 256 };
  const [short, long] = [10, 1100].map((length) =>
    Buffer.from(text.replace('…', 'x'.repeat(length))),
  );
  for (const bytes of [short, long]) {
    if (!bytes) continue;
    expect(parseCharged(bytes, { platform, limits }, intake)).toEqual(parseMessage(bytes, limits));
  }
  expect(charged).toEqual([{ bytes: long?.length, time: 1, ...cost }]);
});
