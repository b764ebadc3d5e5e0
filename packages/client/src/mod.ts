export type { JsonObject, JsonValue } from '@really/protocol/client';
export type { ClientPlatform, WebSocketConstructor, WebSocketLike } from './client-platform.js';
export type { ConnectionState } from './connection/connection-state.js';
export type { SessionUser } from './connection/session-state.js';
export type { LinkTimes } from './connection/socket-link.js';
export type { TokenOption } from './connection/token-source.js';
export type { MakeList } from './live/live-list-feed.js';
export type { ListChange, LiveSnapshot, LiveStatus, ObjectChange } from './live/live-snapshot.js';
export type { LiveList, LiveObject } from './live-copy.js';
export type {
  AnyOps,
  CollectionTypes,
  ObjectIdentity,
  UntypedCollection,
  UntypedModels,
  UntypedState,
} from './models.js';
export {
  type ConnectionSnapshot,
  Really,
  type ReallyEvents,
  type ReallyOptions,
  type RefusedWrite,
} from './really.js';
export { type ClientErrorMessage, ReallyError } from './really-error.js';
export type { BatchBuilder } from './refs/batch-builder.js';
export type { Page, ReadQuery } from './refs/page.js';
export type {
  CollectionRef,
  CreateOptions,
  DeleteOptions,
  DeleteResult,
  GetOptions,
  ObjectRef,
  UpdateResult,
} from './refs/refs.js';
export type { ListQuery } from './requests/list-query.js';
export type { RequestOptions } from './requests/reads.js';
export type { Room, RoomMember, RoomMessage, RoomSnapshot, RoomStatus } from './room/room.js';
export type { ClientCommand } from './writes/client-command.js';
export type { WriteHandle, WriteOptions } from './writes/client-write.js';
export type { UpdateBuilder } from './writes/update-builder.js';
export type { WriteKeeper } from './writes/write-keeper.js';
export type { WriteState } from './writes/write-state.js';
