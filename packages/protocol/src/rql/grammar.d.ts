import type { RqlTree } from './ast.js';

/** The parser that the build generates from grammar.peggy. */
export function parse(text: string, options: { readonly maxDepth: number }): RqlTree;

declare class GrammarError extends Error {
  readonly location: { readonly start: { readonly offset: number } };
  /** What was expected; null where the grammar itself has an error text. */
  readonly expected: readonly Expectation[] | null;
}

export interface Expectation {
  readonly type: string;
  readonly description?: string;
  readonly text?: string;
}

export { GrammarError as SyntaxError };
