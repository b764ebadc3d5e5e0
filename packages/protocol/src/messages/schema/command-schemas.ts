import { countSchema } from '../count.js';
import { createSchema } from '../create.js';
import { deleteSchema } from '../delete.js';
import { getSchema } from '../get.js';
import { readSchema } from '../read.js';
import { updateSchema } from '../update.js';

/** What the messages of commands on objects look like, as JSON Schema: what requests are checked by and documents made from. */
export const commandSchemas = {
  get: getSchema,
  read: readSchema,
  count: countSchema,
  create: createSchema,
  update: updateSchema,
  delete: deleteSchema,
} as const;
