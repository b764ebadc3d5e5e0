import type { DeleteRequest } from '@really/protocol';
import type { Handler } from '../services.js';
import { DeleteCommand } from './delete-command.js';
import { runWriteCommand } from './write-command.js';

export const deleteObject: Handler<DeleteRequest> = async (context, request) =>
  await runWriteCommand(context, request, new DeleteCommand(context, request));
