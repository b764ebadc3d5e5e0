import { expect, test } from 'vitest';
import { jsonText, jsonTextOfPush } from './json-texts.js';

/** A value of about this many characters that counts how often its text is made. */
function counted(length: number) {
  const value = { text: 'x'.repeat(length) };
  const made = { times: 0 };
  Object.defineProperty(value, 'toJSON', {
    value: () => {
      made.times += 1;
      return { text: value.text };
    },
  });
  return { value, made };
}

test('[LIM45] the text of a large value is made once, whoever needs it', () => {
  const { value, made } = counted(100_000);
  const text = jsonText(value);
  expect(JSON.parse(text)).toEqual({ text: value.text });
  expect(jsonText(value)).toBe(text);
  expect(jsonTextOfPush({ r: '/users/1', rev: 2, body: value })).toBe(
    `{"r":"/users/1","rev":2,"body":${text}}`,
  );
  expect(jsonTextOfPush({ body: value })).toBe(`{"body":${text}}`);
  expect(made.times).toBe(1);
});

test('a text with a small value at its end is the same as that of the whole', () => {
  const value = { n: 1, text: 'é' };
  const push = { r: '/users/1', body: value };
  expect(jsonTextOfPush(push)).toBe(JSON.stringify(push));
  expect(jsonTextOfPush({ body: {} })).toBe('{"body":{}}');
});

test('[LIM45] only the last large texts are kept, and no small ones', () => {
  const [small, first, last] = [counted(10), counted(1_000_000), counted(1_000_000)];
  for (const { value } of [small, first]) jsonText(value);
  for (let n = 0; n < 8; n++) jsonText(counted(1_000_000).value);
  jsonText(last.value);
  for (const { value } of [small, first, last]) jsonText(value);
  expect([small, first, last].map(({ made }) => made.times)).toEqual([2, 2, 1]);
  const huge = counted(9_000_000);
  expect(jsonText(huge.value)).toBe(jsonText(huge.value));
  expect(huge.made.times).toBe(2);
});
