import { bindRql, parseRql } from '@really/protocol';
import { afterEach, expect, test, vi } from 'vitest';
import { systemPlatform } from '../../../platform/system.js';
import { creation, each } from '../../contract/sample-writes.js';
import { QueryTimeout } from '../../store-errors.js';
import { openForReading } from '../open-database.js';
import { Reader } from '../reader.js';
import { Scratch } from '../scratch.fixture.js';
import { packFilter } from './packed-filter.js';

const scratch = Scratch.each();
afterEach(() => {
  vi.restoreAllMocks();
});

const list = Array.from({ length: 20 }, (_, n) => ({ n }));
const values = { a: { n: -1 }, b: [{ n: -1 }], t: 'z' };
/** One object each, searched hundreds of times. */
const filters = [
  'list contains $a',
  'list contains $t',
  'list = $a',
  'list in $b',
  'text > $t',
  "text starts with 'z'",
];

test.each(filters)(
  '[LIM7] [LIM13] the time of a query is checked within an object: %s',
  async (part) => {
    const file = scratch.file();
    const store = await scratch.open({ file }, systemPlatform);
    await store.commit(each(creation('/users/1', { list, text: 'a' })));
    const text = Array.from({ length: 150 }, () => part).join(' or ');
    const filter = packFilter(bindRql(parseRql(text), values));
    const order = { keys: [{ field: '_r', descending: true }] };
    const query = { scope: { names: ['users'], parents: [] }, filter, order, limit: 1 };
    const db = openForReading(file);
    const reader = new Reader(db, new Int32Array(1));
    // A clock that advances by one at each reading.
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now++);
    expect(() => reader.answer({ kind: 'count', query, timeout: 5 })).toThrow(QueryTimeout);
    expect(reader.answer({ kind: 'count', query, timeout: 1e6 })).toBe('0');
    db.close();
  },
);
