/** The door for the tests and the benchmark of this repository; nothing here is promised to anybody else. */
export { configTable, limitsTable } from './app/config/config-docs.js';
export { keys as configKeys } from './app/config/config-keys.js';
export * from './app/mod.js';
export { auditEvents } from './auth/audit.js';
export { localBus } from './bus/local/bus.js';
export { defaultLimits, type Limits } from './platform/limits.js';
export { type Log, silentLog } from './platform/log.js';
export { noMetrics } from './platform/metrics.js';
export { simulatedPlatform } from './platform/simulated.js';
export { systemPlatform } from './platform/system.js';
export type { ExportReader as StoreReader } from './store/export-reader.js';
export { openMemoryStore } from './store/memory/store.js';
export { openSqliteExportReader as openSqliteReader } from './store/sqlite/export-reader.js';
export { openSqliteStore } from './store/sqlite/store.js';
export * from './store/store.js';
