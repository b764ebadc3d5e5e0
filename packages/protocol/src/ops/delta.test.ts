import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonValue, memberName, objectData } from '../json/json.fixture.js';
import type { JsonObject } from '../json/json.js';
import { applyDeltaInClient } from './apply-in-client.js';
import { applyOps } from './apply-ops.js';
import { applyDelta, deltaOf } from './delta.js';
import { fittingOps } from './field-op.fixture.js';
import type { FieldOp } from './field-op.js';

describe('a push and its result', () => {
  test('[PSH9] applying it gives the object as stored', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fittingOps, ({ before, ops }) => {
        const result = applyOps(before, ops);
        if (!result.ok) return;
        accepted += 1;
        const delta = deltaOf(ops, before, result.after);
        const kept = structuredClone({ before, delta });
        expect(applyDelta(before, delta)).toEqual(result.after);
        expect(applyDeltaInClient(before, delta)).toEqual(result.after);
        expect({ before, delta }).toEqual(kept);
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  test('[PSH9] also where validation and calculated fields changed the object', () => {
    const changes = fc.array(fc.tuple(memberName, fc.option(jsonValue, { nil: undefined })), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(fittingOps, changes, ({ before, ops }, changed) => {
        const result = applyOps(before, ops);
        if (!result.ok) return;
        const after = withChanges(result.after, changed);
        expect(applyDelta(before, deltaOf(ops, before, after))).toEqual(after);
      }),
      { numRuns: 3000 },
    );
  });

  test('[PSH9] a sequence of many revisions', () => {
    fc.assert(
      fc.property(objectData, fc.array(fittingOps, { maxLength: 20 }), (start, updates) => {
        let stored = start;
        let copy = structuredClone(start);
        for (const { ops } of updates) {
          const result = applyOps(stored, ops);
          if (!result.ok) continue;
          copy = applyDelta(copy, JSON.parse(JSON.stringify(deltaOf(ops, stored, result.after))));
          stored = result.after;
        }
        expect(copy).toEqual(stored);
      }),
    );
  });
});

describe('content of a push', () => {
  test.each<[string, FieldOp, JsonObject]>([
    ['set', { op: 'set', key: 'p.x', value: 2 }, { 'p.x': { op: 'set', opValue: 2 } }],
    [
      'set to null',
      { op: 'set', key: 'p.x', value: null },
      { 'p.x': { op: 'set', opValue: null } },
    ],
    [
      'set of what is null already',
      { op: 'set', key: 'q', value: null },
      { q: { op: 'set', opValue: null } },
    ],
    [
      'addNumber, with the new value',
      { op: 'addNumber', key: 'n', value: 2 },
      { n: { op: 'addNumber', opValue: 2, value: 7 } },
    ],
    ['push', { op: 'push', key: 'l', value: ['c'] }, { l: { op: 'push', opValue: ['c'] } }],
    [
      'a pull that pulls nothing',
      { op: 'pull', key: 'l', value: 'x' },
      { l: { op: 'pull', opValue: 'x' } },
    ],
    [
      'insertAt, with its arguments and nothing else',
      { op: 'insertAt', key: 'l', value: 'c', opArgs: JSON.parse('{"index":1,"junk":true}') },
      { l: { op: 'insertAt', opValue: 'c', opArgs: { index: 1 } } },
    ],
    [
      'removeAt',
      { op: 'removeAt', key: 'l', opArgs: { index: 0 } },
      { l: { op: 'removeAt', opValue: null, opArgs: { index: 0 } } },
    ],
  ])('[PSH2] %s as it was sent', (_, op, delta) => {
    expect(deltaOfApplied({ n: 5, p: { x: 1 }, l: ['a', 'b'] }, op)).toStrictEqual(delta);
  });

  test('[PSH3] several operations on one top-level field become one set of it', () => {
    expect(
      deltaOfApplied(
        { n: 5, p: { x: 1, y: 1 }, l: [1] },
        { op: 'set', key: 'p.x', value: 2 },
        { op: 'addNumber', key: 'n', value: 1 },
        { op: 'set', key: 'p.y', value: null },
        { op: 'pull', key: 'l', value: 1 },
        { op: 'set', key: 'l', value: null },
      ),
    ).toStrictEqual({
      p: { op: 'set', opValue: { x: 2 } },
      n: { op: 'addNumber', opValue: 1, value: 6 },
      l: { op: 'set', opValue: null },
    });
  });

  test('[PSH3] calculated fields that changed are sent as set, and only those', () => {
    const before = { first: 'A', full: 'A B', same: [1], gone: 1 };
    const after = { first: 'C', full: 'C B', same: [1] };
    expect(deltaOf([{ op: 'set', key: 'first', value: 'C' }], before, after)).toStrictEqual({
      first: { op: 'set', opValue: 'C' },
      full: { op: 'set', opValue: 'C B' },
      gone: { op: 'set', opValue: null },
    });
  });

  test('[PSH9] the stored value is sent where it differs from the one received', () => {
    const sent = '2024-01-01T02:00:00+02:00';
    const stored = '2024-01-01T00:00:00.000Z';
    const set: FieldOp = { op: 'set', key: 'at', value: sent };
    expect(deltaOf([set], {}, { at: stored })).toEqual({ at: { op: 'set', opValue: stored } });
    const push: FieldOp = { op: 'push', key: 'days', value: sent };
    expect(deltaOf([push], { days: ['x'] }, { days: ['x', stored] })).toEqual({
      days: { op: 'set', opValue: ['x', stored] },
    });
  });

  test('[PSH9] a push about another object is detected', () => {
    expect(() =>
      applyDelta({}, { l: { op: 'removeAt', opValue: null, opArgs: { index: 0 } } }),
    ).toThrow(RangeError);
    expect(() => applyDelta({}, JSON.parse('{"__proto__":{"op":"set","opValue":1}}'))).toThrow(
      RangeError,
    );
  });
});

function deltaOfApplied(before: JsonObject, ...ops: FieldOp[]): object {
  const result = applyOps(before, ops);
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return deltaOf(ops, before, result.after);
}

function withChanges(
  object: JsonObject,
  changes: readonly (readonly [string, unknown])[],
): JsonObject {
  const members = new Map<string, unknown>([...Object.entries(object), ...changes]);
  const kept = [...members].filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(kept) as JsonObject;
}
