import {
  type Expression,
  type Options,
  type Program,
  parse,
  parseExpressionAt,
  tokenizer,
  tokTypes,
} from 'acorn';

/** A script that is not JavaScript. `offset` counts from the beginning of its source. */
export interface ParseFailure {
  readonly kind: 'failure';
  readonly message: string;
  readonly offset: number;
}

export interface ParsedScript<Tree> {
  readonly kind: 'parsed';
  readonly tree: Tree;
}

const options: Options = {
  ecmaVersion: 2023,
  sourceType: 'script',
  locations: true,
  allowReturnOutsideFunction: true,
  allowHashBang: false,
};

/** Parses a source that must be a single expression. */
export function parseExpression(source: string): ParsedScript<Expression> | ParseFailure {
  return guarded(() => {
    // Including its parentheses, so that no token may follow its end.
    const tree = parseExpressionAt(source, 0, { ...options, preserveParens: true });
    const end = offsetOfRest(source, tree.end);
    if (end === undefined) return { kind: 'parsed', tree };
    return failure('the expression ends before this', end);
  });
}

/** The offset of the first text that is not a comment. */
function offsetOfRest(source: string, from: number): number | undefined {
  try {
    const token = tokenizer(source.slice(from), options).getToken();
    return token.type === tokTypes.eof ? undefined : from + token.start;
  } catch (error) {
    if (error instanceof SyntaxError) return from + offsetOf(error);
    throw error;
  }
}

/** Parses a source that is the body of a function. */
export function parseBody(source: string): ParsedScript<Program> | ParseFailure {
  return guarded(() => ({ kind: 'parsed', tree: parse(source, options) }));
}

function guarded<T>(task: () => T): T | ParseFailure {
  try {
    return task();
  } catch (error) {
    if (error instanceof SyntaxError) return failure(plainMessage(error), offsetOf(error));
    // The parser is recursive.
    if (error instanceof RangeError) return failure('the code is nested too deeply', 0);
    throw error;
  }
}

function failure(message: string, offset: number): ParseFailure {
  return { kind: 'failure', message, offset };
}

/** Without the position that the parser appends, which is not the one in the file. */
function plainMessage(error: SyntaxError): string {
  const text = error.message.replace(/ \(\d+:\d+\)$/, '');
  if (text.includes('sourceType: module')) return 'there are no modules here';
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function offsetOf(error: SyntaxError): number {
  return 'pos' in error && typeof error.pos === 'number' ? error.pos : 0;
}

/** Without the parentheses around it. */
export function unwrapped(tree: Expression): Expression {
  let inner = tree;
  while (inner.type === 'ParenthesizedExpression') inner = inner.expression;
  return inner;
}
