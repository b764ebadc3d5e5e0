import type { JsonObject, ProtocolError } from '@really/protocol';
import type { CommitRefusal, WriteRequest } from '../objects/write-request.js';
import type { OnceResult, Write } from '../store/store.js';
import type { CommandContext, Reply } from './services.js';
import { onceKeyOf, repeatedBy, type WriteCommand } from './written.js';

/** A create, update or delete, as it is carried out alone or in a batch. */
export interface WriteStep {
  /** What is asked of the objects; asked for again, with another id where it makes one up. */
  request(): WriteRequest;
  /** True where the id that it made up turned out to be taken. */
  readonly taken: boolean;
  /** What is told of what the commit found, which nobody could know before. */
  refusal(found: CommitRefusal): ProtocolError;
  /** The answer, without its tag. */
  reply(written: Write): JsonObject | Promise<JsonObject>;
  /** The answer to a command that repeats one that was carried out. */
  repeated(first: OnceResult): JsonObject;
}

/** Ids of the server's that may turn out to be taken (by clients that chose them) before it gives up. */
export const idAttempts = 5;

/** Carries out one command by itself. */
export async function writeAlone(
  context: CommandContext,
  request: WriteCommand,
  step: WriteStep,
): Promise<Reply> {
  const once = onceKeyOf(context, request);
  const { objects } = context.services;
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await objects.write({ ...step.request(), once, span: context.span });
      if (result.kind === 'committed' || result.kind === 'repeated') context.written?.();
      switch (result.kind) {
        case 'committed':
          return { body: await step.reply(result.write) };
        case 'repeated': {
          const answer = step.repeated(repeatedBy(once, result.first));
          return { body: { ...answer, meta: { repeated: true } } };
        }
        default:
          throw step.refusal(result);
      }
    } catch (error) {
      if (!step.taken || attempt === idAttempts) throw error;
    }
  }
}
