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

/** The commands that concern objects; the others are the session's own. */
export type ObjectCommandName = Exclude<CommandName, 'initialize' | 'ping'>;
export type ObjectRequest = Extract<Request, { cmd: ObjectCommandName }>;

export const commandTable: {
  readonly [Name in ObjectCommandName]: Handler<Extract<Request, { cmd: Name }>>;
} = { create, get, update, delete: deleteObject, batch, read, count, subscribe, unsubscribe };

/**
 * Carries out a command. A write reaches its object's line before this returns. One that was judged by models that are not
 * in force any more is carried out again, as long as nothing came of it that has to stand (rule REL2).
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
  // One entry at a time fits its own request; the type of the whole table cannot say so.
  const handler = commandTable[request.cmd] as Handler<ObjectRequest>;
  return handler(context, request);
}

/** Models that change again and again do not keep a command: the last try counts. */
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

/** Whether nothing is left of a command but its answer. */
function isReadOnly(request: ObjectRequest): boolean {
  if (request.cmd === 'read') return request.cmdOpts.subscribe !== true;
  return request.cmd === 'get' || request.cmd === 'count';
}
