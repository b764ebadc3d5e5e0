export type { Actor, Auth } from './actor.js';
export {
  closeCodes,
  type ErrorBody,
  type ErrorDetails,
  type ErrorKind,
  type ErrorMessage,
  type ErrorMeta,
  errorTable,
  type FieldErrors,
  fail,
  ProtocolError,
  type Retry,
} from './errors.js';
export { canonicalText } from './json/canonical-text.js';
export { deepEqual } from './json/deep-equal.js';
export {
  isDeeperThan,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ownMember,
  setMember,
} from './json/json.js';
export { JsonSet } from './json/json-set.js';
export {
  holdsRounded,
  inexactIn,
  infiniteIn,
  isExact,
  isRounded,
  keepRounded,
  parseJson,
} from './json/json-text.js';
export {
  type BatchedRequest,
  type BatchRequest,
  batchCommands,
  batchRefusal,
  commandsIn,
  costOfSubscriptions,
} from './messages/batch.js';
export type { CountRequest } from './messages/count.js';
export type { CreateRequest } from './messages/create.js';
export type { DeleteRequest } from './messages/delete.js';
export type { GetRequest } from './messages/get.js';
export {
  defaultHistoryLimit,
  type HistoryBody,
  type HistoryEntry,
  type HistoryRequest,
} from './messages/history.js';
export { type InitializeRequest, parseInitialize } from './messages/initialize.js';
export type { JoinRoomRequest } from './messages/join.js';
export type { LeaveRequest } from './messages/leave.js';
export {
  type CommandName,
  type ParsedRequest,
  parseRequest,
  type Request,
} from './messages/parse-request.js';
export type { PingRequest } from './messages/ping.js';
export type { PresentRequest } from './messages/present.js';
export type {
  ChangeMeta,
  CreatedPush,
  DeletedPush,
  EphemeralPush,
  FailedPush,
  PresenceListPush,
  PresenceMember,
  PresencePush,
  Push,
  RoomFailedPush,
  RoomMessagePush,
  SchemaUpdatedPush,
  SnapshotPush,
  UpdatedPush,
} from './messages/push.js';
export { defaultReadLimit, type ReadRequest } from './messages/read.js';
export { type Envelope, type RequestBase, readEnvelope } from './messages/request.js';
export { defaultRequestLimits, type RequestLimits } from './messages/request-limits.js';
export {
  type Dereferenced,
  type ErrorResponse,
  errorResponse,
  type InitializedBody,
  type ObjectAnswer,
  type ReadBody,
  type Response,
  type SubscribeBody,
} from './messages/response.js';
export { commandSchemas } from './messages/schema/command-schemas.js';
export type { SendRequest } from './messages/send.js';
export type { SubscribeItem, SubscribeRequest } from './messages/subscribe.js';
export type { UnsubscribeItem, UnsubscribeRequest } from './messages/unsubscribe.js';
export type { UpdateRequest } from './messages/update.js';
export { nearestName } from './nearest-name.js';
export { applyOps, beyondUpdateWork, type OpsLimits, type OpsResult } from './ops/apply-ops.js';
export { applyDelta, deltaOf } from './ops/delta.js';
export type { Delta, DeltaEntry, FieldOp, FieldOpName } from './ops/field-op.js';
export { defaultKeyLimits, type KeyLimits, type KeyStep, parseKey, topField } from './ops/key.js';
export {
  type CollectionR,
  childCollection,
  collectionPath,
  idOf,
  isId,
  isSystemName,
  namesOf,
  type ObjectR,
  type ParsedR,
  parseR,
  printedCollection,
} from './r.js';
export type {
  Comparison,
  Filter,
  RqlExpression,
  RqlOperand,
  RqlOperator,
  RqlTree,
} from './rql/ast.js';
export {
  type BindSteps,
  bindingRql,
  bindRql,
  type FittedValue as Fitted,
  type FitValue,
} from './rql/bind.js';
export { compareForSort, compareText } from './rql/compare.js';
export { fieldsOfRql } from './rql/fields.js';
export { operandsOf } from './rql/operands.js';
export { defaultRqlLimits, invalidQuery, parseRql, type RqlLimits } from './rql/parse.js';
export {
  compilePredicate,
  compileSteppedPredicate,
  type Predicate,
  type SteppedPredicate,
} from './rql/predicate.js';
export { foldCase, type TextSearch, textSearch } from './rql/text-search.js';
export {
  compareInOrder,
  idsDescend,
  type SortKey,
  type SortPosition,
  sortKeysOf,
  sortPositionIn,
  valueAtPath,
  valueKeys,
} from './sort.js';
