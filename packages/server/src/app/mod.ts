/** The door for programs that embed a server. */
export { type Config, ConfigError, type ConfigSources, readConfig } from './config/config.js';
export type { Key, Mode, Values } from './config/config-keys.js';
export {
  type RunningServer,
  type ServerStartOptions as StartOptions,
  startServer,
} from './serve/server.js';
export { StartError } from './start-error.js';
