// What the pages use of the client. build.js makes one file of it, public/really-client.js.
import '@really/client/live';

export * from '@really/client';
