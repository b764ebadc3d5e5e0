import type { RqlExpression } from '@really/protocol';

/** A condition: always, never, or for the objects of a filter. */
export type Formula = boolean | RqlExpression;

/** When an expression is truthy, and when it throws; never both. */
export interface FormulaOutcome {
  readonly holds: Formula;
  readonly throws: Formula;
}

export const thrown: FormulaOutcome = { holds: false, throws: true };

export function neverThrows(holds: Formula): FormulaOutcome {
  return { holds, throws: false };
}

export function not(operand: Formula): Formula {
  if (typeof operand === 'boolean') return !operand;
  return operand.kind === 'not' ? operand.operand : { kind: 'not', operand };
}

export function allOf(left: Formula, right: Formula): Formula {
  if (typeof left === 'boolean') return left && right;
  if (typeof right === 'boolean') return right && left;
  return { kind: 'and', left, right };
}

export function anyOf(left: Formula, right: Formula): Formula {
  if (typeof left === 'boolean') return left || right;
  if (typeof right === 'boolean') return right || left;
  return { kind: 'or', left, right };
}

/** `&&`: the right side is evaluated, and can throw, if the left holds. */
export function both(left: FormulaOutcome, right: FormulaOutcome): FormulaOutcome {
  return {
    holds: allOf(left.holds, right.holds),
    throws: anyOf(left.throws, allOf(left.holds, right.throws)),
  };
}

/** `||`: the right side is evaluated if the left neither holds nor throws. */
export function either(left: FormulaOutcome, right: FormulaOutcome): FormulaOutcome {
  return {
    holds: anyOf(left.holds, allOf(not(left.throws), right.holds)),
    throws: anyOf(left.throws, allOf(not(left.holds), right.throws)),
  };
}

/** `!`. */
export function negated(operand: FormulaOutcome): FormulaOutcome {
  return { holds: allOf(not(operand.holds), not(operand.throws)), throws: operand.throws };
}

/** `test ? yes : no`. */
export function choice(
  test: FormulaOutcome,
  yes: FormulaOutcome,
  no: FormulaOutcome,
): FormulaOutcome {
  return either(both(test, yes), both(negated(test), no));
}

/** The number of parts of a formula, counted up to just beyond `most`. */
export function sizeOf(formula: Formula, most: number): number {
  let size = 0;
  const waiting: Formula[] = [formula];
  for (let part = waiting.pop(); part !== undefined && size <= most; part = waiting.pop()) {
    size++;
    if (typeof part === 'boolean' || part.kind === 'comparison') continue;
    if (part.kind === 'not') waiting.push(part.operand);
    else waiting.push(part.left, part.right);
  }
  return size;
}
