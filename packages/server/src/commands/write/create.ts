import type { CreateRequest } from '@really/protocol';
import type { Handler } from '../services.js';
import { CreateCommand } from './create-command.js';
import { runWriteCommand } from './write-command.js';

export const create: Handler<CreateRequest> = async (context, request) =>
  await runWriteCommand(context, request, new CreateCommand(context, request));
