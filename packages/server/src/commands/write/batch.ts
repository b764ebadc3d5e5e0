import { createHash } from 'node:crypto';
import {
  type BatchedRequest,
  type BatchRequest,
  batchRefusal,
  fail,
  ProtocolError,
} from '@really/protocol';
import { becauseOf } from '../../model/rules/rule-refusal.js';
import type { WriteAllResult } from '../../objects/write-request.js';
import type { OnceKey, OnceRecord } from '../../store/write-group.js';
import { auditWrites } from '../admin-audit.js';
import { askerOf, type CommandContext, type Handler, type Reply } from '../services.js';
import { CreateCommand } from './create.js';
import { DeleteCommand } from './delete.js';
import { UpdateCommand } from './update.js';
import { idAttempts, type WriteCommand } from './write-command.js';

/** Rules BAT1 to BAT8. */
export const batch: Handler<BatchRequest> = async (context, request) => {
  const commands = commandsOf(context, request);
  const once = onceKeyOf(context, request);
  const result = await write(context, commands, once);
  if (result.kind === 'committed' || result.kind === 'repeated') context.onWritten?.();
  switch (result.kind) {
    case 'committed':
      auditWrites(context, result.writes);
      return await replyTo(commands, result);
    case 'repeated':
      return repeatedReplyTo(commands, once, result.first);
    case 'too-large':
      throw fail('validation.failed', { 'body.commands': ['batch.too.large'] });
    case 'refused':
      throw refusal(result.index, result.error);
    default:
      throw refusal(result.index, commands[result.index]?.refusal(result));
  }
};

function commandsOf(context: CommandContext, { body }: BatchRequest): WriteCommand[] {
  return body.commands.map((command, index) => {
    try {
      return commandOf(context, command);
    } catch (error) {
      throw refusal(index, error);
    }
  });
}

function commandOf(context: CommandContext, command: BatchedRequest): WriteCommand {
  switch (command.cmd) {
    case 'create':
      return new CreateCommand(context, command);
    case 'update':
      return new UpdateCommand(context, command);
    case 'delete':
      return new DeleteCommand(context, command);
    default:
      return command satisfies never;
  }
}

/** Tries again with other ids where a generated one is taken. */
async function write(
  context: CommandContext,
  commands: readonly WriteCommand[],
  once: OnceKey | undefined,
): Promise<WriteAllResult> {
  const { objects } = context.services;
  const asker = askerOf(context);
  for (let attempt = 1; ; attempt++) {
    const requests = commands.map((command) => command.request());
    const result = await objects.writeAll(requests, { ...asker, once, span: context.span });
    const again = result.kind === 'refused' && commands[result.index]?.idTaken;
    if (!again || attempt === idAttempts) return result;
  }
}

async function replyTo(
  commands: readonly WriteCommand[],
  { writes }: Extract<WriteAllResult, { kind: 'committed' }>,
): Promise<Reply> {
  const results = await Promise.all(
    writes.map((written, index) => commands[index]?.reply(written)),
  );
  return { body: { body: { results: results.filter((answer) => answer !== undefined) } } };
}

function repeatedReplyTo(
  commands: readonly WriteCommand[],
  once: OnceKey | undefined,
  first: OnceRecord,
): Reply {
  if (first.cmd !== once?.cmd || first.r !== once.r) throw fail('once.reused');
  const results = commands.flatMap((command, index) => {
    const result = first.results[index];
    return result ? [command.repeatedReply(result)] : [];
  });
  return { body: { meta: { repeated: true }, body: { results } } };
}

/** A failure of the server is not the fault of one command. */
function refusal(index: number, error: unknown): unknown {
  const isOurs =
    error instanceof ProtocolError &&
    (error.message === 'server.unavailable' || error.message === 'internal.server.error');
  return isOurs ? error : becauseOf(batchRefusal(index, error), error);
}

/** Another command is here another sequence of commands and Rs; bodies are not compared. */
function onceKeyOf(context: CommandContext, { body, cmdOpts }: BatchRequest): OnceKey | undefined {
  const id = cmdOpts.once;
  if (id === undefined) return undefined;
  const named = body.commands.map(({ cmd, target }) => [cmd, target.r]);
  const r = createHash('sha256').update(JSON.stringify(named)).digest('base64url');
  return { uid: context.auth.uid, id, cmd: 'batch', r };
}
