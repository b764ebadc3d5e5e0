import { defaultStoreConfig, type StoreConfig } from '../common-config.js';

export type MemoryConfig = StoreConfig;

export const defaultMemoryConfig: MemoryConfig = defaultStoreConfig;
