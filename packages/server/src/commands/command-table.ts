import type { CommandName, Request } from '@really/protocol';
import type { ModelSet } from '../model/model.js';
import { count } from './read/count.js';
import { get } from './read/get.js';
import { read } from './read/read.js';
import type { CommandContext, Handler, Reply } from './services.js';
import { subscribe } from './subscribe.js';
import { unsubscribe } from './unsubscribe.js';
import { batch } from './write/batch.js';
import { create } from './write/create.js';
import { deleteObject } from './write/delete.js';
import { update } from './write/update.js';

/** Commands about objects; the others are handled by the session. */
export type ObjectCommandName = Exclude<CommandName, 'initialize' | 'ping'>;
export type ObjectRequest = Extract<Request, { cmd: ObjectCommandName }>;

export const commandTable: {
  readonly [Name in ObjectCommandName]: Handler<Extract<Request, { cmd: Name }>>;
} = { create, get, update, delete: deleteObject, batch, read, count, subscribe, unsubscribe };

/**
 * Runs a command. A write is in its object's queue before this returns. A command that used models
 * which are no longer current runs again, unless it had an effect that stands (rule REL2).
 */
export function runCommand(context: CommandContext, request: ObjectRequest): Promise<Reply> {
  const models = context.services.models();
  return handle(context, request).then(
    (reply) => (isStale(context, models) && isReadOnly(request) ? rerun(context, request) : reply),
    (error: unknown) => {
      if (isStale(context, models) && request.cmd !== 'subscribe') return rerun(context, request);
      throw error;
    },
  );
}

function handle(context: CommandContext, request: ObjectRequest): Promise<Reply> {
  // Each handler fits the requests of its command, which the type of the table cannot express.
  const handler = commandTable[request.cmd] as Handler<ObjectRequest>;
  return handler(context, request);
}

/** Models that keep changing do not block a command: the last try counts. */
async function rerun(context: CommandContext, request: ObjectRequest): Promise<Reply> {
  for (let attempt = 1; attempt < maxAttempts; attempt++) {
    const models = context.services.models();
    try {
      const reply = await handle(context, request);
      if (!isStale(context, models) || !isReadOnly(request)) return reply;
    } catch (error) {
      if (!isStale(context, models)) throw error;
    }
  }
  return await handle(context, request);
}

const maxAttempts = 5;

function isStale({ services }: CommandContext, models: ModelSet): boolean {
  return services.models() !== models;
}

/** True where a command has no effect besides its response. */
function isReadOnly(request: ObjectRequest): boolean {
  if (request.cmd === 'read') return request.cmdOpts.subscribe !== true;
  return request.cmd === 'get' || request.cmd === 'count';
}
