import { createHash } from 'node:crypto';
import {
  type BatchedRequest,
  type BatchRequest,
  batchRefusal,
  fail,
  ProtocolError,
} from '@really/protocol';
import type { WriteAllResult } from '../objects/write-request.js';
import type { OnceKey, OnceRecord } from '../store/store.js';
import { Creation } from './creation.js';
import { Deletion } from './deletion.js';
import type { CommandContext, Handler, Reply } from './services.js';
import { Updating } from './updating.js';
import { idAttempts, type WriteStep } from './write-step.js';

/** Rules BAT1 to BAT8. */
export const batch: Handler<BatchRequest> = async (context, request) => {
  const steps = stepsOf(context, request);
  const once = onceKeyOf(context, request);
  const result = await write(context, steps, once);
  if (result.kind === 'committed' || result.kind === 'repeated') context.written?.();
  switch (result.kind) {
    case 'committed':
      return await replyTo(steps, result);
    case 'repeated':
      return repetitionOf(steps, once, result.first);
    case 'too-large':
      throw fail('validation.failed', { 'body.commands': ['batch.too.large'] });
    case 'refused':
      throw refusal(result.index, result.error);
    default:
      throw refusal(result.index, steps[result.index]?.refusal(result));
  }
};

function stepsOf(context: CommandContext, { body }: BatchRequest): WriteStep[] {
  return body.commands.map((command, index) => {
    try {
      return stepOf(context, command);
    } catch (error) {
      throw refusal(index, error);
    }
  });
}

function stepOf(context: CommandContext, command: BatchedRequest): WriteStep {
  switch (command.cmd) {
    case 'create':
      return new Creation(context, command);
    case 'update':
      return new Updating(context, command);
    case 'delete':
      return new Deletion(context, command);
    default:
      return command satisfies never;
  }
}

/** Once more with other ids where one that was made up is taken. */
async function write(
  context: CommandContext,
  steps: readonly WriteStep[],
  once: OnceKey | undefined,
): Promise<WriteAllResult> {
  const { objects } = context.services;
  for (let attempt = 1; ; attempt++) {
    const requests = steps.map((step) => step.request());
    const result = await objects.writeAll(requests, { once, span: context.span });
    const again = result.kind === 'refused' && steps[result.index]?.taken;
    if (!again || attempt === idAttempts) return result;
  }
}

async function replyTo(
  steps: readonly WriteStep[],
  { writes }: Extract<WriteAllResult, { kind: 'committed' }>,
): Promise<Reply> {
  const results = await Promise.all(writes.map((written, index) => steps[index]?.reply(written)));
  return { body: { body: { results: results.filter((answer) => answer !== undefined) } } };
}

function repetitionOf(
  steps: readonly WriteStep[],
  once: OnceKey | undefined,
  first: OnceRecord,
): Reply {
  if (first.cmd !== once?.cmd || first.r !== once.r) throw fail('once.reused');
  const results = steps.flatMap((step, index) => {
    const result = first.results[index];
    return result ? [step.repeated(result)] : [];
  });
  return { body: { meta: { repeated: true }, body: { results } } };
}

/** Trouble of the server's is no fault of one command. */
function refusal(index: number, error: unknown): unknown {
  const isOurs =
    error instanceof ProtocolError &&
    (error.message === 'server.unavailable' || error.message === 'internal.server.error');
  return isOurs ? error : batchRefusal(index, error);
}

/** Another command is, for a batch, another sequence of commands and Rs. As with single commands, bodies are not compared. */
function onceKeyOf(context: CommandContext, { body, cmdOpts }: BatchRequest): OnceKey | undefined {
  const id = cmdOpts.once;
  if (id === undefined) return undefined;
  const named = body.commands.map(({ cmd, target }) => [cmd, target.r]);
  const r = createHash('sha256').update(JSON.stringify(named)).digest('base64url');
  return { uid: context.auth.uid, id, cmd: 'batch', r };
}
