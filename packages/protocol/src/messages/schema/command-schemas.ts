import { countSchema } from '../count.js';
import { createSchema } from '../create.js';
import { deleteSchema } from '../delete.js';
import { getSchema } from '../get.js';
import { historySchema } from '../history.js';
import { readSchema } from '../read.js';
import { sendSchema } from '../send.js';
import { updateSchema } from '../update.js';

/**
 * The messages of commands on objects, as JSON Schema: requests are checked with it, and documents
 * generated from it.
 */
export const commandSchemas = {
  get: getSchema,
  read: readSchema,
  count: countSchema,
  history: historySchema,
  create: createSchema,
  update: updateSchema,
  delete: deleteSchema,
  send: sendSchema,
} as const;
