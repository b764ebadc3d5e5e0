/** The door for programs that embed a server. */
export { type Config, ConfigError, type ConfigSources, readConfig } from './config.js';
export type { Key, Mode, Values } from './config-keys.js';
export { type RunningServer, type StartOptions, startServer } from './server.js';
export { StartError } from './start-error.js';
