// Entry point for worker threads: values and filters, without the message schemas, whose library
// takes longer to load than the rest of a thread.
export { canonicalText } from './json/canonical-text.js';
export { deepEqual } from './json/deep-equal.js';
export { isJsonObject, type JsonObject, type JsonValue, ownMember } from './json/json.js';
export type { Comparison, Filter, RqlExpression, RqlOperator } from './rql/ast.js';
export { compareForSort, compareText } from './rql/compare.js';
export { compilePredicate, type Predicate } from './rql/predicate.js';
export { foldCase, type TextSearch, textSearch } from './rql/text-search.js';
export {
  compareInOrder,
  idsDescend,
  type SortKey,
  type SortPosition,
  sortPositionIn,
  valueAtPath,
  valueKeys,
} from './sort.js';
