import { fail, type ProtocolError } from '../errors.js';
import type { RqlTree } from './ast.js';
import { type Expectation, SyntaxError as GrammarError, parse } from './grammar.js';

export interface RqlLimits {
  /** Maximum characters of a filter. */
  readonly filter: number;
  /** Maximum levels of parentheses and `not`. */
  readonly filterDepth: number;
}

export const defaultRqlLimits: RqlLimits = { filter: 4096, filterDepth: 32 };

/** Parses a filter. Throws 409 `query.invalid`, with what was expected and where. */
export function parseRql(text: string, limits: RqlLimits = defaultRqlLimits): RqlTree {
  if (text.length > limits.filter) {
    throw invalidQuery(`longer than ${limits.filter} characters`, limits.filter + 1);
  }
  try {
    return parse(text, { maxDepth: limits.filterDepth });
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error;
    const what = error.expected ? describe(error.expected) : error.message;
    throw invalidQuery(what, error.location.start.offset + 1);
  }
}

/** An error in a filter. `position` counts its characters from 1. */
export function invalidQuery(what: string, position: number): ProtocolError {
  return fail('query.invalid', { 'cmdOpts.query.filter': [`${what} at position ${position}`] });
}

function describe(expected: readonly Expectation[]): string {
  const names = new Set(
    expected.map((item) => item.description ?? (item.text ? `"${item.text}"` : 'the end')),
  );
  names.delete('a space');
  return `expected ${[...names].sort().join(' or ')}`;
}
