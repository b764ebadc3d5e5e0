import type { JsonObject } from '@really/protocol';
import { expect } from 'vitest';
import { amal, sampleModels } from '../sample-models.fixture.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

export const open = () => testApp({ models: sampleModels });

export async function fill(app: TestApp, objects: Readonly<Record<string, JsonObject>>) {
  for (const [r, body] of Object.entries(objects)) {
    const { error } = await app.send(amal, { cmd: 'create', r, body });
    expect(error).toBeUndefined();
  }
}

export function read(app: TestApp, cmdOpts: JsonObject = {}, { r = '/users', auth = amal } = {}) {
  return app.send(auth, { cmd: 'read', r, cmdOpts });
}

export interface ReadAnswer {
  readonly items: readonly { readonly meta: JsonObject; readonly body: JsonObject }[];
  readonly tokens?: { readonly nextToken: string; readonly prevToken: string };
  readonly totalResults?: number;
}

export function bodyOf(answer: JsonObject): ReadAnswer {
  expect(answer.error).toBeUndefined();
  return answer.body as unknown as ReadAnswer;
}

export const ids = (answer: JsonObject) =>
  bodyOf(answer).items.map(({ body }) => String(body._r).replace(/^.*\//, ''));

export const where = (filter: string, values?: JsonObject) => ({
  query: { filter, ...(values && { values }) },
});

export const users = {
  '/users/a': { name: 'Ann', age: 30 },
  '/users/b': { name: 'Bob' },
  '/users/c': { name: 'Cid', age: 20, tags: ['x'] },
  '/users/d': { name: 'Ann', age: 40, picture: { small: 's' } },
};
