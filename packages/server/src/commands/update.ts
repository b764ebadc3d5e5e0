import type { UpdateRequest } from '@really/protocol';
import type { Handler } from './services.js';
import { Updating } from './updating.js';
import { writeAlone } from './write-step.js';

export const update: Handler<UpdateRequest> = async (context, request) =>
  await writeAlone(context, request, new Updating(context, request));
