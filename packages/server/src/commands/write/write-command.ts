import type { JsonObject, ProtocolError } from '@really/protocol';
import type { CommitRefusal, WriteRequest } from '../../objects/write-request.js';
import type { OnceResult, Write } from '../../store/write-group.js';
import { auditWrites } from '../admin-audit.js';
import { askerOf, type CommandContext, type Reply } from '../services.js';
import { onceKeyOf, repeatedResult, type WriteMessage } from './write-helpers.js';

/**
 * A create, update or delete, alone or in a batch. It takes the model of its collection when it is
 * prepared, and refuses an unknown collection before that.
 */
export interface WriteCommand {
  /** The write request; called again where a generated id was taken. */
  request(): WriteRequest;
  /** True where the generated id turned out to be taken. */
  readonly idTaken: boolean;
  /** The error for what only the commit could find. */
  refusal(found: CommitRefusal): ProtocolError;
  /** The response, without its tag. */
  reply(written: Write): JsonObject | Promise<JsonObject>;
  /** The response to a repeated command. */
  repeatedReply(first: OnceResult): JsonObject;
}

/** Generated ids that may turn out to be taken (chosen by clients) before it gives up. */
export const idAttempts = 5;

/** Runs one command outside a batch. */
export async function runWriteCommand(
  context: CommandContext,
  request: WriteMessage,
  make: () => WriteCommand,
): Promise<Reply> {
  const command = make();
  const once = onceKeyOf(context, request);
  const { objects } = context.services;
  const asker = askerOf(context);
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await objects.write({
        ...command.request(),
        ...asker,
        once,
        span: context.span,
      });
      if (result.kind === 'committed' || result.kind === 'repeated') context.onWritten?.();
      switch (result.kind) {
        case 'committed':
          auditWrites(context, [result.write]);
          return { body: await command.reply(result.write) };
        case 'repeated': {
          const answer = command.repeatedReply(repeatedResult(once, result.first));
          return { body: { ...answer, meta: { repeated: true } } };
        }
        default:
          throw command.refusal(result);
      }
    } catch (error) {
      if (!command.idTaken || attempt === idAttempts) throw error;
    }
  }
}
