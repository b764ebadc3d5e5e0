import type { DeleteRequest } from '@really/protocol';
import { Deletion } from './deletion.js';
import type { Handler } from './services.js';
import { writeAlone } from './write-step.js';

export const deleteObject: Handler<DeleteRequest> = async (context, request) =>
  await writeAlone(context, request, new Deletion(context, request));
