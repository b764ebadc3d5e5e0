// Entry point for clients: addresses, errors, field operations and orders, without the message
// schemas and the query language, which would be most of what a page has to load.
export type { Actor } from './actor.js';
export type { ErrorBody, FieldErrors, Retry } from './errors.js';
export { deepEqual } from './json/deep-equal.js';
export { isJsonObject, type JsonObject, type JsonValue } from './json/json.js';
export { applyDeltaInClient, applyInClient } from './ops/apply-in-client.js';
export type { Delta, FieldOp, FieldOpName } from './ops/field-op.js';
export { topField } from './ops/key.js';
export { type CollectionR, childCollection, isId, type ObjectR, parseR } from './r.js';
export { compareObjects, sortKeysOf } from './sort.js';
