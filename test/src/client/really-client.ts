// The client as a page loads it: its built files.
import '../../../packages/client/dist/room/mod.js';

export * from '../../../packages/client/dist/mod.js';
export { rql } from '../../../packages/client/dist/rql/mod.js';
