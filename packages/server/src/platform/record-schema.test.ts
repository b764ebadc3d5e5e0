import { Type } from '@really/protocol/schema';
import { expect, test } from 'vitest';
import { AnyObject, AnyValue, Exact, fits, misfitIn, RecordOf, Whole } from './record-schema.js';

const schema = Exact({
  name: Type.String(),
  rev: Whole(1),
  kind: Type.Optional(Type.Enum(['a', 'b'])),
  share: Type.Optional(Type.Number()),
  flag: Type.Optional(Type.Boolean()),
  tags: Type.Optional(Type.Array(Type.String())),
  any: Type.Optional(AnyValue),
  more: Type.Optional(AnyObject),
  revs: Type.Optional(RecordOf(Whole(0))),
  ref: Type.Optional(
    Type.Union([Type.Object({ r: Type.String() }), Type.Object({ id: Type.Number() })]),
  ),
});

test('a value fits, or the first thing that does not is reported with its path', () => {
  const good = { name: 'n', rev: 1 };
  const full = { kind: 'b', share: 0.5, flag: false, tags: ['x'], any: null, more: {} };
  expect(fits(schema, { ...good, ...full, revs: { a: 0 }, ref: { id: 7 } })).toBe(true);
  const reported = (wrong: object) => misfitIn(schema, { ...good, ...wrong }, 'line');
  expect(misfitIn(schema, [])).toBe('expected an object, not []');
  expect(misfitIn(schema, { rev: 1 })).toBe('name: expected a text, not nothing');
  expect(reported({ rev: 0 })).toBe('line.rev: expected a whole number from 1 on, not 0');
  expect(reported({ rev: 1.5 })).toBe('line.rev: expected a whole number from 1 on, not 1.5');
  expect(reported({ kind: 'c' })).toBe('line.kind: expected a, b, not "c"');
  expect(reported({ share: '1' })).toBe('line.share: expected a number, not "1"');
  expect(reported({ flag: 0 })).toBe('line.flag: expected true or false, not 0');
  expect(reported({ tags: ['x', 1] })).toBe('line.tags: expected a list of texts, not ["x",1]');
  expect(reported({ more: null })).toBe('line.more: expected an object, not null');
  expect(reported({ revs: { a: -1 } })).toBe(
    'line.revs.a: expected a whole number from 0 on, not -1',
  );
  expect(reported({ ref: { id: '7' } })).toBe('line.ref: expected another form, not {"id":"7"}');
  const known = 'name, rev, kind, share, flag, tags, any, more, revs, ref';
  expect(reported({ colour: 1 })).toBe(`line.colour is not known; expected ${known}`);
  expect(reported(JSON.parse('{"__proto__":1}'))).toContain('__proto__ is not known');
});
