import { fail, type JsonObject, ProtocolError, parseRequest, type Request } from '@really/protocol';
import { auditWrites } from '../commands/admin-audit.js';
import type { CommandContext } from '../commands/services.js';
import { DeleteCommand } from '../commands/write/delete.js';
import { UpdateCommand } from '../commands/write/update.js';
import type { WriteCommand } from '../commands/write/write-command.js';
import { MigrationFailed } from '../migration/migration-failed.js';
import { type CascadeStep, deletionEffects, unsetOperations } from '../model/deletion-effects.js';
import type { WriteRequest, WriteResult } from '../objects/write-request.js';
import { StoreUnavailable } from '../store/store-errors.js';

/** What became of one object that depends on a deleted one. */
export type DependentOutcome =
  | { readonly kind: 'done' }
  /** There is nothing to do any more. */
  | { readonly kind: 'over' }
  /** Something refuses it: it stays as it is. */
  | { readonly kind: 'stuck'; readonly reason: string }
  /** Something is too busy, or away: to be tried again in so many seconds. */
  | { readonly kind: 'busy'; readonly retryAfter: number };

export interface Dependent {
  readonly r: string;
  /** The deleted object. */
  readonly target: string;
  /** Whether the models that the step is of are current. */
  readonly isCurrent: () => boolean;
}

/** Deletes the object `r`, or unsets its references to `target`, as `step` says. Never rejects. */
export async function writeDependent(
  context: CommandContext,
  step: CascadeStep,
  dependent: Dependent,
): Promise<DependentOutcome> {
  const { r, isCurrent } = dependent;
  const write = (command: DependentCommand) => writeWhile(isCurrent, context, command);
  try {
    if (step.action === 'unset') {
      const unset = unsetCommand(context, step, dependent);
      return outcomeOf(unset, await write(unset));
    }
    const request = parsedRequest(context, { cmd: 'delete', r });
    if (request.cmd !== 'delete') throw fail('command.unknown');
    // Most objects have nothing below them and nothing that refers to them: they are deleted
    // without an entry of their own.
    const leaf = new DeleteCommand(context, request, true);
    const result = await write(leaf);
    if (!followsFrom(context, step, result)) return outcomeOf(leaf, result);
    const whole = new DeleteCommand(context, request);
    return outcomeOf(whole, await write(whole));
  } catch (error) {
    return failureOf(error);
  }
}

type DependentCommand = Pick<WriteCommand, 'request' | 'refusal'>;

/** Does nothing if other models are current by the time that it is prepared: they may say something else. */
async function writeWhile(
  isCurrent: () => boolean,
  context: CommandContext,
  command: DependentCommand,
): Promise<WriteResult> {
  const { prepare, ...request } = command.request();
  const result = await context.services.objects.write({
    ...request,
    owner: context.owner,
    prepare: async (head, ...reads) => {
      if (!isCurrent()) throw new ModelsChanged();
      return await prepare(head, ...reads);
    },
  });
  if (result.kind === 'committed') auditWrites(context, [result.write]);
  return result;
}

/** Whether the deletion of the object goes on with something, which is all that stops it. */
function followsFrom(
  { services }: CommandContext,
  { model }: CascadeStep,
  result: WriteResult,
): boolean {
  if (result.kind !== 'referenced') return false;
  const { names, field } = result.by;
  return deletionEffects(services.models(), model).steps.some(({ dependency }) => {
    return dependency.field === field && dependency.names.join('/') === names.join('/');
  });
}

function outcomeOf(command: DependentCommand, result: WriteResult): DependentOutcome {
  if (result.kind === 'committed' || result.kind === 'repeated') return { kind: 'done' };
  return failureOf(command.refusal(result));
}

function failureOf(error: unknown): DependentOutcome {
  if (error instanceof NothingToUnset) return { kind: 'over' };
  if (error instanceof StoreUnavailable) return { kind: 'busy', retryAfter: 1 };
  if (error instanceof ModelsChanged) return { kind: 'busy', retryAfter: 0 };
  if (error instanceof MigrationFailed || !(error instanceof ProtocolError)) {
    return { kind: 'stuck', reason: `${error}` };
  }
  const { code, message, errors, meta } = error;
  if (code === 429 || code === 503) return { kind: 'busy', retryAfter: meta?.retryAfter ?? 1 };
  if (message === 'object.gone' || message === 'object.missing') return { kind: 'over' };
  const details = errors ? ` ${JSON.stringify(errors)}` : '';
  return { kind: 'stuck', reason: `${code} ${message}${details}` };
}

/** The step is of models that are no longer current. */
class ModelsChanged extends Error {
  override readonly name = 'ModelsChanged';
}

/** The fields that refer to the object do not say `unset`, or do not refer to it any more. */
class NothingToUnset extends Error {
  override readonly name = 'NothingToUnset';
}

/** Of one update, as for clients. What refers to the deleted object more often is found again. */
const mostOperations = 1000;

/** Updates the object as it is: there is no revision that somebody last saw. */
function unsetCommand(
  context: CommandContext,
  { model }: CascadeStep,
  { r, target }: Dependent,
): DependentCommand {
  let updating: UpdateCommand | undefined;
  const prepare: WriteRequest['prepare'] = async (head, ...reads) => {
    if (!head || head.deleted) throw fail('object.gone');
    const ops = unsetOperations(model, head.data, target);
    if (ops.length === 0) throw new NothingToUnset();
    const body = { ops: ops.slice(0, mostOperations).map((op) => ({ ...op })) };
    const request = parsedRequest(context, { cmd: 'update', r, rev: head.rev, body });
    if (request.cmd !== 'update') throw fail('command.unknown');
    updating = new UpdateCommand(context, request);
    return await updating.request().prepare(head, ...reads);
  };
  return {
    request: () => ({ r, prepare }),
    refusal: (found) => updating?.refusal(found) ?? fail('internal.server.error'),
  };
}

/** As a client's, so that it is checked as one. */
function parsedRequest({ services }: CommandContext, message: JsonObject): Request {
  const parsed = parseRequest({ tag: 0, ...message }, services.limits);
  if (!parsed.ok) throw parsed.error;
  return parsed.request;
}
