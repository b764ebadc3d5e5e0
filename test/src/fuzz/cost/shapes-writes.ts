import type { JsonObject, JsonValue } from '@really/protocol';
import type { Dials } from './dials.js';
import { onSocket, type RecipeShape, repeated } from './plan.js';
import { anyValue, listOf } from './values.js';

const keys = [
  'list',
  'names',
  'json',
  'json.a',
  'doc.a',
  'list[0]',
  'list[9]',
  'text',
  'n',
] as const;

function opOf(dials: Dials): JsonObject {
  const op = dials.pick('pull', 'addToSet', 'push', 'set', 'insertAt', 'removeAt', 'addNumber');
  const key = dials.pick('list', ...keys);
  const value: JsonValue = op === 'addNumber' ? 1 : operandOf(dials);
  const at = op === 'insertAt' || op === 'removeAt';
  return { op, key, ...(op !== 'removeAt' && { value }), ...(at && { opArgs: { index: 0 } }) };
}

function operandOf(dials: Dials): JsonValue {
  return dials.flag() ? anyValue(dials, 8000) : listOf(dials, 3000);
}

function opsOf(dials: Dials): JsonObject[] {
  const count = dials.size(3000);
  const ops = Array.from({ length: 3 }, () => opOf(dials));
  return Array.from({ length: count }, (_, n) => ops[n % ops.length] ?? {});
}

function longListed(dials: Dials): JsonObject {
  return { cmd: 'create', r: '/things', body: { list: listOf(dials, 10_000), n: 1 } };
}

/** Operations on an object that has a long list. */
const update: RecipeShape = (dials) => {
  const made = longListed(dials);
  const ops = opsOf(dials);
  const times = dials.size(32);
  return {
    setup: [made],
    parcels: ([first]) => {
      const r = String(first?.body?._r);
      return repeated(onSocket({ cmd: 'update', r, rev: 1, body: { ops } }), times);
    },
  };
};

const create: RecipeShape = (dials) => {
  const body: Record<string, JsonValue> = {};
  const names = dials.pick('known', 'unknown', 'odd');
  const members = dials.size(6000);
  if (names === 'known') {
    for (const key of ['list', 'json', 'text', 'doc', 'more', 'names'] as const) {
      if (dials.flag()) body[key] = anyValue(dials, 30_000);
    }
  } else {
    for (let n = 0; n < members; n++) body[names === 'odd' ? `_x${n}` : `unknown-${n}`] = n;
  }
  const message = { cmd: 'create', r: dials.pick('/things', '/owned', '/things/0/parts'), body };
  const times = dials.size(64);
  return { parcels: () => repeated(onSocket(message), times) };
};

const batch: RecipeShape = (dials) => {
  const made = longListed(dials);
  const ops = opsOf(dials);
  const count = dials.size(100);
  const kinds = dials.pick('updates', 'creates', 'both', 'wrong');
  const body = { list: listOf(dials, 400), json: anyValue(dials, 400) };
  return {
    setup: [made],
    parcels: ([first]) => {
      const r = String(first?.body?._r);
      const commands = Array.from({ length: count }, (_, n): JsonObject => {
        const isUpdate = kinds === 'updates' || (kinds === 'both' && n % 2 === 0);
        if (isUpdate) return { cmd: 'update', r, rev: n + 1, body: { ops } };
        const last = kinds === 'wrong' && n === count - 1;
        return { cmd: 'create', r: last ? '/nothing' : '/things', body };
      });
      return [onSocket({ cmd: 'batch', body: { commands } })];
    },
  };
};

export const writeShapes: Readonly<Record<string, RecipeShape>> = { update, create, batch };
