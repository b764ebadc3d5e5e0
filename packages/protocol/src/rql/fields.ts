import type { Filter } from './ast.js';

/** Every field path that a filter uses, each once, to be checked against a model. */
export function fieldsOfRql(filter: Filter<unknown>): string[][] {
  const found = new Map<string, string[]>();
  collect(filter, found);
  return [...found.values()];
}

function collect(filter: Filter<unknown>, found: Map<string, string[]>): void {
  switch (filter.kind) {
    case 'and':
    case 'or':
      collect(filter.left, found);
      collect(filter.right, found);
      break;
    case 'not':
      collect(filter.operand, found);
      break;
    case 'comparison':
      found.set(filter.field.join('.'), [...filter.field]);
      break;
    default:
      filter satisfies never;
  }
}
