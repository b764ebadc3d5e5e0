import type { CommandName, Request } from '@really/protocol';
import type { OrderKey } from './order-keys.js';
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
type ObjectCommandName = Exclude<CommandName, 'initialize' | 'ping'>;
export type ObjectRequest = Extract<Request, { cmd: ObjectCommandName }>;

/** How a command runs, and how it claims its Rs (rule ENV4). */
interface Command<R> {
  readonly run: Handler<R>;
  /**
   * A `write` tries again by itself. A `read` has no effect, so it may run again with other models:
   * see `runCommand`.
   */
  readonly mode: OrderKey['mode'];
}

export const commandTable: {
  readonly [Name in ObjectCommandName]: Command<Extract<Request, { cmd: Name }>>;
} = {
  create: { run: create, mode: 'write' },
  get: { run: get, mode: 'read' },
  update: { run: update, mode: 'write' },
  delete: { run: deleteObject, mode: 'write' },
  batch: { run: batch, mode: 'write' },
  read: { run: read, mode: 'read' },
  count: { run: count, mode: 'read' },
  history: { run: history, mode: 'read' },
  // They read the object and change what the connection receives, so nothing runs beside them.
  subscribe: { run: subscribe, mode: 'exclusive' },
  unsubscribe: { run: unsubscribe, mode: 'exclusive' },
  // What they say reaches others in the order of the commands.
  join: { run: join, mode: 'exclusive' },
  present: { run: present, mode: 'exclusive' },
  send: { run: send, mode: 'exclusive' },
  leave: { run: leave, mode: 'exclusive' },
};

/** The entry fits the requests of its command, which the type of the table cannot express. */
const commandOf = ({ cmd }: ObjectRequest) => commandTable[cmd] as Command<ObjectRequest>;

/** What it claims, each R once. */
export function orderKeysOf(request: ObjectRequest): OrderKey[] {
  const { mode } = commandTable[request.cmd];
  if ('target' in request) return [{ r: request.target.r, mode }];
  return [...new Set(rsOf(request))].map((r) => ({ r, mode }));
}

function rsOf({ cmd, body }: Exclude<ObjectRequest, { target: unknown }>): string[] {
  if (cmd === 'batch') return body.commands.map(({ target }) => target.r);
  return body.subscriptions.map((item) => ('id' in item ? item.id : (item.target?.r ?? item.r)));
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
export function runCommand(context: CommandContext, request: ObjectRequest): Promise<Reply> {
  const command = commandOf(request);
  // They try again by themselves: writes, and the command whose items fail one by one.
  const isOnce = command.mode === 'write' || request.cmd === 'subscribe';
  return isOnce ? command.run(context, request) : runWithModels(command, context, request);
}

async function runWithModels(
  { run, mode }: Command<ObjectRequest>,
  context: CommandContext,
  request: ObjectRequest,
): Promise<Reply> {
  const subscribes = request.cmd === 'read' && request.cmdOpts.subscribe === true;
  const isReadOnly = mode === 'read' && !subscribes;
  for (let attempt = 1; ; attempt++) {
    const pinned = withPinnedModels(context);
    const isLast = () =>
      context.services.models() === pinned.services.models() || attempt === maxAttempts;
    try {
      const reply = await run(isReadOnly ? pinned : context, request);
      if (isLast() || !isReadOnly) return reply;
    } catch (error) {
      if (isLast()) throw error;
    }
  }
}
