export type { Actor, Auth } from './actor.js';
export type { Delta, DeltaEntry, FieldOp, FieldOpName } from './field-op.js';
export type { JsonObject, JsonValue } from './json.js';
export type { RqlExpression, RqlOperator } from './rql/ast.js';
