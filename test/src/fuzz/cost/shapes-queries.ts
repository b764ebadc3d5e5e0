import type { JsonObject } from '@really/protocol';
import type { Dials } from './dials.js';
import { onSocket, type Plan, type RecipeShape, repeated } from './plan.js';
import { fields, filterOf } from './values.js';

const places = ['/things', '/things/*/parts', '/owned', '/things/0/parts'] as const;

function optionsOf(dials: Dials): JsonObject {
  const sorted = dials.pick('none', 'n', '-tag', 'text', '-list', 'json');
  return {
    ...(dials.flag() && { query: filterOf(dials) }),
    ...(sorted !== 'none' && { sort: sorted }),
    ...(dials.flag() && { limit: dials.size(1000) }),
    ...(dials.flag() && { skip: dials.size(100_000) }),
    ...(dials.flag() && { includeTotalCount: true }),
    ...(dials.flag() && { fields: fieldsOf(dials) }),
  };
}

function fieldsOf(dials: Dials): string[] {
  const count = dials.size(3000);
  return Array.from({ length: count }, (_, n) => fields[n % fields.length] ?? 'n');
}

const read: RecipeShape = (dials) => {
  const message = { cmd: 'read', r: dials.pick(...places), cmdOpts: optionsOf(dials) };
  const times = dials.size(64);
  return { parcels: () => repeated(onSocket(message), times) };
};

const count: RecipeShape = (dials) => {
  const cmdOpts = { query: filterOf(dials) };
  const message = { cmd: 'count', r: dials.pick(...places), cmdOpts };
  const times = dials.size(64);
  return { parcels: () => repeated(onSocket(message), times) };
};

/** A page after the first one, while others write. */
const page: RecipeShape = (dials): Plan => {
  const { skip: _skip, ...cmdOpts } = optionsOf(dials);
  const message = { cmd: 'read', r: dials.pick(...places), cmdOpts };
  const direction = dials.pick('nextToken', 'prevToken');
  const [writes, times] = [dials.size(50), dials.size(64)];
  const write = {
    cmd: 'update',
    r: '/things/0',
    rev: 1,
    body: { ops: [{ op: 'addNumber', key: 'n', value: 1 }] },
  };
  return {
    setup: [message, ...Array.from({ length: writes }, () => write)],
    parcels: ([first]) => {
      const paginationToken = String(first?.body?.tokens?.[direction] ?? 'none');
      const next = { ...message, cmdOpts: { ...cmdOpts, paginationToken } };
      return repeated(onSocket(next), times);
    },
  };
};

/** Windows on equal or different queries, and one change that concerns all of them. */
const windows: RecipeShape = (dials) => {
  const query = filterOf(dials);
  const r = dials.pick('/things', '/owned');
  const [many, differs, limit] = [dials.size(100), dials.flag(), dials.size(200)];
  const sort = dials.pick('n', '-n', 'text');
  const opened = Array.from({ length: many }, (_, n): JsonObject => {
    const values = differs ? { ...query.values, other: n } : query.values;
    const filter = differs ? `${query.filter} or n = $other` : query.filter;
    return { cmd: 'read', r, cmdOpts: { query: { filter, values }, sort, limit, subscribe: true } };
  });
  const list = Array.from({ length: dials.size(2000) }, (_, n) => n);
  const body = { n: dials.below(20_000), list };
  const ops = [{ op: 'push', key: 'list', value: list }];
  const [isNew, times, isCharged] = [dials.flag(), dials.size(20), dials.flag()];
  return {
    setup: [{ cmd: 'create', r, body: { n: 1 } }, ...(isCharged ? [] : opened)],
    parcels: ([first]) => {
      const update = { cmd: 'update', r: String(first?.body?._r), rev: 1, body: { ops } };
      const change = onSocket(isNew ? { cmd: 'create', r, body } : update);
      return [...(isCharged ? opened.map(onSocket) : []), ...repeated(change, times)];
    },
  };
};

const subscribe: RecipeShape = (dials) => {
  const times = dials.size(40_000);
  const rs = [
    '/things/0',
    '/things',
    '/things/*/parts',
    '/nothing/1',
    '/things/wide',
    '/things/heavy',
  ];
  const [same, rev, pos] = [dials.flag(), dials.flag(), dials.flag()];
  const base = rs[dials.below(rs.length)] ?? '/things';
  const asked = dials.flag() ? fieldsOf(dials) : undefined;
  const subscriptions = Array.from(
    { length: times },
    (_, n): JsonObject => ({
      r: same ? base : `/things/${n}`,
      ...(rev && { rev: 1 }),
      ...(pos && { pos: 'AAAA' }),
      ...(asked && { fields: asked }),
    }),
  );
  const message = { cmd: 'subscribe', body: { subscriptions } };
  const repeats = dials.size(16);
  return { parcels: () => repeated(onSocket(message), repeats) };
};

const get: RecipeShape = (dials) => {
  const r = dials.pick('/things/heavy', '/things/wide', '/things/objects', '/things/0');
  const cmdOpts = dials.flag() ? { fields: fieldsOf(dials) } : {};
  const times = dials.size(250);
  return { parcels: () => repeated(onSocket({ cmd: 'get', r, cmdOpts }), times) };
};

export const queryShapes: Readonly<Record<string, RecipeShape>> = {
  read,
  count,
  page,
  windows,
  subscribe,
  get,
};
