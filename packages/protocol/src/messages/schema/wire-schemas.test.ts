import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { batchSchema } from '../batch.js';
import { countSchema } from '../count.js';
import { createSchema } from '../create.js';
import { deleteSchema } from '../delete.js';
import { getSchema } from '../get.js';
import { initializeSchema } from '../initialize.js';
import { pingSchema } from '../ping.js';
import { readSchema } from '../read.js';
import { subscribeSchema } from '../subscribe.js';
import { unsubscribeSchema } from '../unsubscribe.js';
import { updateSchema } from '../update.js';

/**
 * A hash of all that clients may send. Where this fails the wire has changed: check that clients of
 * version 0.1 still work and that docs/protocol.md describes the change, then put the new hash
 * here.
 */
const knownHash = '9614743449179e3f';

test('[ENV1] [ENV7] the messages of version 0.1 are unchanged', () => {
  const schemas = {
    initializeSchema,
    pingSchema,
    createSchema,
    getSchema,
    updateSchema,
    deleteSchema,
    batchSchema,
    readSchema,
    countSchema,
    subscribeSchema,
    unsubscribeSchema,
  };
  const hash = createHash('sha256').update(JSON.stringify(schemas)).digest('hex').slice(0, 16);
  expect(hash).toBe(knownHash);
});
