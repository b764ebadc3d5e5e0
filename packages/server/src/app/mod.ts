/** Entry point for programs that embed a server. */
export { ConfigError, readConfig } from './config/config.js';
export type { Config, ConfigSources } from './config/config-definition.js';
export type { Key, Mode, Values } from './config/config-keys.js';
export {
  type RunningServer,
  type ServerStartOptions as StartOptions,
  startServer,
} from './serve/server.js';
export { StartError } from './start-error.js';
