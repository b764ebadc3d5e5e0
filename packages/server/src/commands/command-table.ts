import type { CommandName, Request } from '@really/protocol';
import { batch } from './batch.js';
import { count } from './count.js';
import { create } from './create.js';
import { deleteObject } from './delete.js';
import { get } from './get.js';
import { read } from './read.js';
import type { CommandContext, Handler, Reply } from './services.js';
import { subscribe } from './subscribe.js';
import { unsubscribe } from './unsubscribe.js';
import { update } from './update.js';

/** The commands that concern objects; the others are the session's own. */
export type ObjectCommandName = Exclude<CommandName, 'initialize' | 'ping'>;
export type ObjectRequest = Extract<Request, { cmd: ObjectCommandName }>;

export const commandTable: {
  readonly [Name in ObjectCommandName]: Handler<Extract<Request, { cmd: Name }>>;
} = { create, get, update, delete: deleteObject, batch, read, count, subscribe, unsubscribe };

/** Carries out a command. A write reaches its object's line before this returns. */
export function runCommand(context: CommandContext, request: ObjectRequest): Promise<Reply> {
  // One entry at a time fits its own request; the type of the whole table cannot say so.
  const handler = commandTable[request.cmd] as Handler<ObjectRequest>;
  return handler(context, request);
}
