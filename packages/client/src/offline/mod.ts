export type { KeptQueue, WriteEnding, WriteKeeper } from '../writes/write-keeper.js';
export { type OfflineOptions, offline } from './offline.js';
export type { OfflinePlatform, PageMessage, WriteStorage } from './offline-platform.js';
export type { RecordedEnding, WriteRecord } from './write-record.js';
