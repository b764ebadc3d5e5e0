/** Everything for pages without a bundler: the build makes one file of this module and what it imports. */
export * from './anonymous/mod.js';
export * from './live/mod.js';
export * from './mod.js';
export * from './offline/mod.js';
export * from './room/mod.js';
