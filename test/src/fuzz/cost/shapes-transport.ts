import { gzipSync } from 'node:zlib';
import type { Dials } from './dials.js';
import { type RawFrame, type RecipeShape, repeated } from './plan.js';
import { anyValue, filterOf, listOf, mostBytes } from './values.js';

/** Text that is hardly a message. */
const junk: RecipeShape = (dials) => {
  const size = dials.size(mostBytes);
  const what = dials.pick('empty', 'deep', 'members', 'escapes', 'numbers', 'names', 'spaces');
  const text = junkText(what, size);
  const times = dials.size(2000);
  const [answered, closes] = [1, what === 'deep'];
  return { parcels: () => repeated({ via: 'text', text, answered }, closes ? 1 : times) };
};

function junkText(what: string, size: number): string {
  const count = Math.ceil(size / 8);
  switch (what) {
    case 'deep':
      return '[{"a":'.repeat(count);
    case 'members':
      return `{${Array.from({ length: count }, (_, n) => `"m${n}":${n}`).join(',')}}`;
    case 'escapes':
      return `{"x":"${'\\u0041'.repeat(count)}"}`;
    case 'numbers':
      return `{"x":[${'1e-300,'.repeat(count)}1]}`;
    case 'names':
      return `{"${'n'.repeat(size)}":1}`;
    case 'spaces':
      return `{${' '.repeat(size)}}`;
    default:
      return '{}';
  }
}

/** Control frames, and messages in many pieces. */
const frames: RecipeShape = (dials) => {
  const [count, size] = [dials.size(6000), dials.below(126)];
  const what = dials.pick('pings', 'pongs', 'pieces', 'empty pieces');
  const payload = Buffer.alloc(size, 0x20);
  const control = what === 'pings' || what === 'pongs';
  const all = control
    ? Array.from({ length: count }, (): RawFrame => {
        return { opcode: what === 'pings' ? 9 : 10, final: true, payload };
      })
    : pieces(count, what === 'pieces' ? payload : Buffer.alloc(0));
  return { parcels: () => [{ via: 'frames', frames: all }] };
};

function pieces(count: number, payload: Buffer): RawFrame[] {
  const begin = { opcode: 1, final: false, payload: Buffer.from('{') };
  const middle = Array.from({ length: count }, () => ({ opcode: 0, final: false, payload }));
  return [begin, ...middle, { opcode: 0, final: true, payload: Buffer.from('}') }];
}

/** Renewals with tokens that are good, wrong or long. */
const initialize: RecipeShape = (dials) => {
  const token = dials.pick(
    'wrong',
    'x'.repeat(dials.size(60_000)),
    `${'e.'.repeat(dials.size(9000))}`,
  );
  const handle = 'h'.repeat(dials.size(60_000));
  const message = { cmd: 'initialize', accessToken: token, 'connection-handle': handle };
  const times = dials.size(4);
  return { parcels: () => repeated({ via: 'socket', message }, times) };
};

const post: RecipeShape = (dials) => {
  const zipped = dials.flag();
  const text = JSON.stringify(bodyOf(dials, zipped ? 1_000_000 : 40_000));
  const body = zipped ? gzipSync(text) : text;
  const headers = zipped ? { 'content-encoding': 'gzip' } : {};
  const path = dials.pick(
    '/v0.1/things',
    '/v0.1/things/_query',
    '/v0.1/things/_count',
    '/v0.1/nothing',
  );
  const times = dials.size(32);
  return { parcels: () => repeated({ via: 'http', method: 'POST', path, headers, body }, times) };
};

function bodyOf(dials: Dials, most: number): object {
  switch (dials.pick('query', 'list', 'json', 'unknown')) {
    case 'query':
      return { query: filterOf(dials) };
    case 'list':
      return { list: listOf(dials, most / 10) };
    case 'json':
      return { json: anyValue(dials, most) };
    default:
      return Object.fromEntries(
        Array.from({ length: dials.size(most / 12) }, (_, n) => [`m${n}`, n]),
      );
  }
}

const getOverHttp: RecipeShape = (dials) => {
  const { filter, values } = filterOf(dials);
  const query = dials.pick(
    `filter=${encodeURIComponent(filter)}&values=${encodeURIComponent(JSON.stringify(values))}`,
    `fields=${'n,'.repeat(dials.size(20_000))}n`,
    'fields=n&'.repeat(dials.size(6000)),
    `${Array.from({ length: dials.size(6000) }, (_, n) => `p${n}=1`).join('&')}`,
    `sort=-text&limit=1000&skip=${dials.size(100_000)}`,
  );
  const place = dials.pick('things', 'things/heavy', 'things/wide', 'things/*/parts', 'owned');
  const path = `/v0.1/${place}?${query}`;
  const times = dials.size(32);
  const encoding = dials.pick('identity', 'gzip', 'br');
  const headers = { 'accept-encoding': encoding };
  return { parcels: () => repeated({ via: 'http', method: 'GET', path, headers }, times) };
};

const patch: RecipeShape = (dials) => {
  const value = anyValue(dials, 3000);
  const op = { op: dials.pick('pull', 'addToSet', 'push'), key: 'list', value };
  const ops = Array.from({ length: dials.size(1000) }, () => op);
  const body = JSON.stringify({ ops });
  const times = dials.size(16);
  return {
    setup: [{ cmd: 'create', r: '/things', body: { list: listOf(dials, 10_000) } }],
    parcels: ([made]) => {
      const path = `/v0.1${made?.body?._r ?? '/things/0'}`;
      const headers = { 'if-match': '1' };
      return repeated({ via: 'http', method: 'PATCH', path, headers, body }, times);
    },
  };
};

export const transportShapes: Readonly<Record<string, RecipeShape>> = {
  junk,
  frames,
  initialize,
  post,
  'get over HTTP': getOverHttp,
  patch,
};
