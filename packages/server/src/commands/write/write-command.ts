import type { JsonObject, ProtocolError } from '@really/protocol';
import type { CommitRefusal, WriteRequest } from '../../objects/write-request.js';
import type { OnceResult, Write } from '../../store/store.js';
import type { CommandContext, Reply } from '../services.js';
import { onceKeyOf, repeatedResult, type WriteMessage } from './write-helpers.js';

/** A create, update or delete, as it is carried out alone or in a batch. */
export interface WriteCommand {
  /** What is asked of the objects; asked for again, with another id where it makes one up. */
  request(): WriteRequest;
  /** True where the id that it made up turned out to be taken. */
  readonly idTaken: boolean;
  /** What is told of what the commit found, which nobody could know before. */
  refusal(found: CommitRefusal): ProtocolError;
  /** The answer, without its tag. */
  reply(written: Write): JsonObject | Promise<JsonObject>;
  /** The answer to a command that repeats one that was carried out. */
  repeatedReply(first: OnceResult): JsonObject;
}

/** Ids of the server's that may turn out to be taken (by clients that chose them) before it gives up. */
export const idAttempts = 5;

/** Carries out one command by itself. */
export async function runWriteCommand(
  context: CommandContext,
  request: WriteMessage,
  command: WriteCommand,
): Promise<Reply> {
  const once = onceKeyOf(context, request);
  const { objects } = context.services;
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await objects.write({ ...command.request(), once, span: context.span });
      if (result.kind === 'committed' || result.kind === 'repeated') context.onWritten?.();
      switch (result.kind) {
        case 'committed':
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
