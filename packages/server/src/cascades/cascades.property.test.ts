import type { JsonObject } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TestAppOptions } from '../commands/test-app.fixture.js';
import { silentLog } from '../platform/log.js';
import { Scratch } from '../store/sqlite/scratch.fixture.js';
import { openSqliteStore } from '../store/sqlite/store.js';
import { ann, CascadingApp } from './cascades.fixture.js';

const scratch = Scratch.each();
const open: TestAppOptions['open'] = (platform) =>
  openSqliteStore({ file: scratch.file() }, platform, silentLog);

const refers = (onDeleted: string) =>
  `{ type: reference, collectionR: /things, onDeleted: ${onDeleted} }`;
const fields = `
fields:
  kept: ${refers('keep')}
  owner: ${refers('delete')}
  other: ${refers('unset')}
  list: { type: List, items: ${refers('unset')} }
  house: { type: Object, fields: { lord: ${refers('unset')} } }
`;
const models = {
  things: `version: 1${fields}`,
  'things/parts': `version: 1\nonParentDeleted: delete${fields}`,
  'things/parts/parts': `version: 1\nonParentDeleted: delete${fields}`,
  'things/notes': `version: 1${fields}`,
  bills: `version: 1\nfields: { payer: ${refers('refuse')} }\n`,
};
const collections = Object.keys(models);

const ids = ['1', '2', '3'];
const things = ids.map((id) => `/things/${id}`);
const parts = things.flatMap((r) => ['1', '2'].map((id) => `${r}/parts/${id}`));
const all = [
  ...[...things, ...parts],
  ...parts.map((r) => `${r}/parts/1`),
  ...things.map((r) => `${r}/notes/1`),
];
const thing = fc.constantFrom(...things);
const data = fc.record(
  {
    kept: thing,
    owner: thing,
    other: thing,
    list: fc.array(thing, { maxLength: 3 }),
    house: fc.record({ lord: thing }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('create' as const), r: fc.constantFrom(...all), data }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('set' as const), r: fc.constantFrom(...all), data }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('delete' as const), r: fc.constantFrom(...all) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('bill' as const),
      r: fc.constantFrom('/bills/1', '/bills/2'),
      payer: thing,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('pay' as const),
      r: fc.constantFrom('/bills/1', '/bills/2'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The text of a command, in the order of the members of `step`. */
function commandOf(given: Step): JsonObject | undefined {
  switch (given.do) {
    case 'create':
      return { cmd: 'create', r: given.r, body: given.data };
    case 'set': {
      const ops = Object.entries(given.data).map(([key, value]) => ({ op: 'set', key, value }));
      return { cmd: 'update', r: given.r, rev: 1, body: { ops } };
    }
    case 'bill':
      return { cmd: 'create', r: given.r, body: { payer: given.payer } };
    case 'delete':
    case 'pay':
      return { cmd: 'delete', r: given.r };
    case 'restart':
      return undefined;
    default:
      return given satisfies never;
  }
}

const parentOf = (r: string) => r.split('/').slice(0, -2).join('/');
const isDeletedWithParent = (r: string) => r.split('/').at(-2) === 'parts';

/** What follows a deletion, by looking at every object again and again. */
class Oracle {
  readonly living = new Map<string, JsonObject>();

  delete(r: string): void {
    this.living.delete(r);
    for (const other of [...this.living.keys()]) {
      const found = this.living.get(other);
      if (!found) continue;
      const isBelow = parentOf(other) === r && isDeletedWithParent(other);
      if (isBelow || found.owner === r) this.delete(other);
      else this.living.set(other, without(found, r));
    }
  }
}

function without(found: JsonObject, r: string): JsonObject {
  const { other, list, house, ...rest } = structuredClone(found);
  if (other !== undefined && other !== r) rest.other = other;
  if (Array.isArray(list)) rest.list = list.filter((element) => element !== r);
  if (house !== undefined) {
    const { lord } = house as JsonObject;
    rest.house = lord === r || lord === undefined ? {} : { lord };
  }
  return rest;
}

/** Every living object with its data. */
async function stateOf(app: CascadingApp): Promise<Record<string, JsonObject | undefined>> {
  const rs = await app.living(...collections);
  return Object.fromEntries(await Promise.all(rs.map(async (r) => [r, await app.data(r)])));
}

async function tellsOneByOne(steps: readonly Step[], opened: TestAppOptions): Promise<void> {
  const app = await CascadingApp.open(opened);
  const oracle = new Oracle();
  for (const given of steps) {
    const command = commandOf(given);
    if (!command) await app.restart();
    const r = String(command?.r);
    // Only the revision is a matter of the update command: the oracle knows what is there.
    const rev = (await app.app.store.get(r))?.rev ?? 1;
    const reply =
      command && (await app.app.send(ann, given.do === 'set' ? { ...command, rev } : command));
    if (reply?.error || !command) continue;
    await app.finish();
    if (command.cmd === 'delete') oracle.delete(r);
    else oracle.living.set(r, (await app.data(r)) ?? {});
    expect(await stateOf(app)).toEqual(Object.fromEntries(oracle.living));
  }
  expect(await app.deadLetters.list(1)).toEqual([]);
  await app.close();
}

async function leavesNothing(steps: readonly Step[], opened: TestAppOptions): Promise<void> {
  const app = await CascadingApp.open(opened);
  const sent = steps.map(async (given) => {
    const command = commandOf(given);
    return command ? await app.app.send(ann, command) : undefined;
  });
  await Promise.all(sent);
  await app.restart();
  await app.finish();
  const state = await stateOf(app);
  const isThere = (r: unknown) => r === undefined || state[String(r)] !== undefined;
  for (const [r, found = {}] of Object.entries(state)) {
    if (isDeletedWithParent(r)) expect([r, isThere(parentOf(r))]).toEqual([r, true]);
    const { owner, other, list = [], house = {}, payer } = found;
    const { lord } = house as JsonObject;
    const gone = [owner, other, lord, payer, ...(list as string[])].filter((to) => !isThere(to));
    expect({ r, gone }).toEqual({ r, gone: [] });
  }
  const changes = await app.app.publishedChanges();
  const deleted = new Set(changes.filter(({ type }) => type === 'delete').map(({ r }) => r));
  for (const { cause, r } of changes) {
    if (cause !== undefined) expect([r, cause, deleted.has(cause)]).toEqual([r, cause, true]);
  }
  await app.close();
}

const story = fc.array(step, { minLength: 5, maxLength: 40 });

test.each([
  ['memory', { models }, 60],
  ['SQLite', { models, open }, 10],
] as const)(
  '[CAS2] [CAS3] in %s, what follows a deletion is what an oracle says',
  async (_store, opened, numRuns) => {
    const property = fc.asyncProperty(story, (steps) => tellsOneByOne(steps, opened));
    await fc.assert(property, { numRuns });
  },
);

test.each([
  ['memory', { models }, 60],
  ['SQLite', { models, open }, 10],
] as const)(
  '[CAS3] [CAS5] in %s, commands sent all at once leave nothing that refers to, or is below, a deleted object',
  async (_store, opened, numRuns) => {
    const property = fc.asyncProperty(story, (steps) => leavesNothing(steps, opened));
    await fc.assert(property, { numRuns });
  },
);
