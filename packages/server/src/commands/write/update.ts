import type { UpdateRequest } from '@really/protocol';
import type { Handler } from '../services.js';
import { UpdateCommand } from './update-command.js';
import { runWriteCommand } from './write-command.js';

export const update: Handler<UpdateRequest> = async (context, request) =>
  await runWriteCommand(context, request, new UpdateCommand(context, request));
