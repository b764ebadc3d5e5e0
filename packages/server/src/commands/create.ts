import type { CreateRequest } from '@really/protocol';
import { Creation } from './creation.js';
import type { Handler } from './services.js';
import { writeAlone } from './write-step.js';

export const create: Handler<CreateRequest> = async (context, request) =>
  await writeAlone(context, request, new Creation(context, request));
