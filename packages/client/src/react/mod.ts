'use client';

export type { LiveResult } from './live-result.js';
export { ReallyProvider, type ReallyProviderProps, useReally } from './provider.js';
export type { Register, RegisteredModels } from './register.js';
export type { RoomResult, RoomValue } from './shared-rooms.js';
export { type ConnectionResult, useConnection } from './use-connection.js';
export {
  type ListHookOptions,
  type LiveHookOptions,
  useCollection,
  useObject,
  useSuspenseCollection,
  useSuspenseObject,
} from './use-live.js';
export {
  type OthersResult,
  type RoomHookOptions,
  RoomProvider,
  type RoomProviderProps,
  useOthers,
  useRoom,
} from './use-room.js';
export { useWrite, type WriteFunctions, type WriteHookResult } from './use-write.js';
