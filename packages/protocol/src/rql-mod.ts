// Entry point for clients that evaluate filters: with the meaning that they have at the server.
export { bindRql } from './rql/bind.js';
export { fieldsOfRql } from './rql/fields.js';
export { parseRql } from './rql/parse.js';
export { compilePredicate, type Predicate } from './rql/predicate.js';
export { valueAtPath } from './sort.js';
