import { expect, test } from 'vitest';
import { ProtocolError } from '../errors.js';
import type { Comparison, RqlExpression } from './ast.js';
import { bindingRql, bindRql } from './bind.js';
import { parseRql } from './parse.js';

function comparisonsOf(tree: RqlExpression): Comparison<unknown>[] {
  if (tree.kind === 'comparison') return [tree];
  if (tree.kind === 'not') return comparisonsOf(tree.operand);
  return [...comparisonsOf(tree.left), ...comparisonsOf(tree.right)];
}

test('[LIM12] a value that a filter uses many times is fitted once for each field and operator', () => {
  const a = [1, 2, 3];
  let fits = 0;
  const tree = parseRql(`${'x in $a or '.repeat(50)}y in $a or x = $a`);
  const bound = bindRql(tree, { a }, function* ({ value }) {
    yield;
    fits += 1;
    return { value: Array.isArray(value) ? [...value] : value };
  });
  expect(fits).toBe(3);
  const values = comparisonsOf(bound).map(({ value }) => value);
  expect(new Set(values).size).toBe(3);
  for (const value of values) expect(value).toEqual(a);
});

test('[LIM12] binding yields at least once per comparison', () => {
  const steps = bindingRql(parseRql('x = 1 and not (y = $b or z = 2)'), { b: { c: 1 } });
  let count = 0;
  let step = steps.next();
  for (; !step.done; step = steps.next()) count += 1;
  expect(count).toBe(3);
  expect(comparisonsOf(step.value).map(({ value }) => value)).toEqual([1, { c: 1 }, 2]);
});

test('[RQL5] a value that cannot be compared is refused at its first use', () => {
  const tree = parseRql('x = $a or y = $a');
  const problem = function* () {
    yield;
    return { problem: 'is none' };
  };
  expect(() => bindRql(tree, { a: [1] }, problem)).toThrow(ProtocolError);
  try {
    bindRql(tree, { a: [1] }, problem);
  } catch (error) {
    expect((error as ProtocolError).errors).toEqual({
      'cmdOpts.query.filter': ['$a: is none at position 5'],
    });
  }
});
