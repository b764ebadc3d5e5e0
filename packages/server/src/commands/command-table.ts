import type { CommandName, Request } from '@really/protocol';
import {
  excludesEach,
  excludesTarget,
  type OrderKey,
  readsTarget,
  writesEach,
  writesTarget,
} from './order-keys.js';
import { count } from './read/count.js';
import { get } from './read/get.js';
import { history } from './read/history.js';
import { read } from './read/read.js';
import { join, leave, present, send } from './rooms.js';
import { type CommandContext, type Handler, type Reply, withPinnedModels } from './services.js';
import { subscribe } from './subscribe.js';
import { unsubscribe } from './unsubscribe.js';
import { batch } from './write/batch.js';
import { create } from './write/create.js';
import { deleteObject } from './write/delete.js';
import { update } from './write/update.js';

/** Commands about objects; the others are handled by the session. */
export type ObjectCommandName = Exclude<CommandName, 'initialize' | 'ping'>;
export type ObjectRequest = Extract<Request, { cmd: ObjectCommandName }>;

/** How a command runs, and which Rs it keeps in order (rule ENV4). */
interface Command<R> {
  readonly run: Handler<R>;
  readonly orderKeys: (request: R) => OrderKey[];
}

export const commandTable: {
  readonly [Name in ObjectCommandName]: Command<Extract<Request, { cmd: Name }>>;
} = {
  create: { run: create, orderKeys: writesTarget },
  get: { run: get, orderKeys: readsTarget },
  update: { run: update, orderKeys: writesTarget },
  delete: { run: deleteObject, orderKeys: writesTarget },
  batch: { run: batch, orderKeys: writesEach },
  read: { run: read, orderKeys: readsTarget },
  count: { run: count, orderKeys: readsTarget },
  history: { run: history, orderKeys: readsTarget },
  subscribe: { run: subscribe, orderKeys: excludesEach },
  unsubscribe: { run: unsubscribe, orderKeys: excludesEach },
  join: { run: join, orderKeys: excludesTarget },
  present: { run: present, orderKeys: excludesTarget },
  send: { run: send, orderKeys: excludesTarget },
  leave: { run: leave, orderKeys: excludesTarget },
};

/** The entry fits the requests of its command, which the type of the table cannot express. */
const commandOf = ({ cmd }: ObjectRequest) => commandTable[cmd] as Command<ObjectRequest>;

export function orderKeysOf(request: ObjectRequest): OrderKey[] {
  return commandOf(request).orderKeys(request);
}

/** Models that keep changing do not block a command: the last attempt counts. */
const maxAttempts = 5;

/**
 * Runs a command. A write is in its object's queue before this returns.
 *
 * A command uses one set of models from its beginning to its end (rule REL2). A write takes its
 * model when it is prepared: models never change between that and its commit. A read has the models
 * that were current when it began, and runs again if others are current when it ends.
 */
export async function runCommand(context: CommandContext, request: ObjectRequest): Promise<Reply> {
  const { run } = commandOf(request);
  if (triesAgainByItself(request)) return await run(context, request);
  for (let attempt = 1; ; attempt++) {
    const pinned = withPinnedModels(context);
    const isLast = () =>
      context.services.models() === pinned.services.models() || attempt === maxAttempts;
    try {
      const reply = await run(isReadOnly(request) ? pinned : context, request);
      if (isLast() || !isReadOnly(request)) return reply;
    } catch (error) {
      if (isLast()) throw error;
    }
  }
}

/** Writes, and the command whose items fail one by one. */
function triesAgainByItself({ cmd }: ObjectRequest): boolean {
  return cmd === 'subscribe' || ['create', 'update', 'delete', 'batch'].includes(cmd);
}

/** True where a command has no effect besides its response. */
function isReadOnly(request: ObjectRequest): boolean {
  if (request.cmd === 'read') return request.cmdOpts.subscribe !== true;
  return request.cmd === 'get' || request.cmd === 'count' || request.cmd === 'history';
}
