// What the page uses of the client. build.js makes one file of it, public/really-client.js.
import '@really/client/live';
import '@really/client/room';

export { Really } from '@really/client';
export { anonymous } from '@really/client/anonymous';
