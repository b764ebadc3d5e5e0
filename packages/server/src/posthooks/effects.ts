import {
  fail,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ProtocolError,
  parseRequest,
  type UpdateRequest,
} from '@really/protocol';
import type { CommandContext } from '../commands/services.js';
import { CreateCommand } from '../commands/write/create.js';
import { DeleteCommand } from '../commands/write/delete.js';
import { UpdateCommand } from '../commands/write/update.js';
import type { WriteCommand } from '../commands/write/write-command.js';
import type { ScriptEffect } from '../model/hook-state.js';
import type { CommitRefusal, WriteRequest } from '../objects/write-request.js';

/** A write requested by a hook: the request, and the error where it is refused. */
export type EffectStep = Pick<WriteCommand, 'request' | 'refusal'>;

/** Rule POST4. Throws a `ProtocolError` for an invalid command. */
export function stepOf(
  context: CommandContext,
  [kind, r, value]: Exclude<ScriptEffect, readonly ['emit', ...unknown[]]>,
): EffectStep {
  const message: JsonObject = { tag: 0, r };
  if (kind === 'create') Object.assign(message, { cmd: 'create', body: value });
  if (kind === 'remove') Object.assign(message, { cmd: 'delete' });
  if (kind === 'update') Object.assign(message, { cmd: 'update', rev: 1, body: opsOf(value) });
  const parsed = parseRequest(message, context.services.limits);
  if (!parsed.ok) throw parsed.error;
  const { request } = parsed;
  if (request.cmd === 'create') return new CreateCommand(context, request);
  if (request.cmd === 'delete') return new DeleteCommand(context, request);
  if (request.cmd === 'update') return new UpdateAtHead(context, request);
  throw fail('command.unknown');
}

/** A list of operations, an update's body, or an object of fields and their new values. */
function opsOf(changes: JsonValue): JsonObject {
  if (Array.isArray(changes)) return { ops: changes };
  if (!isJsonObject(changes)) throw fail.invalid('body', 'expected.object');
  const { ops, ...others } = changes;
  if (Array.isArray(ops) && Object.keys(others).length === 0 && ops.every(isOperation)) {
    return { ops };
  }
  return { ops: Object.entries(changes).map(([key, value]) => ({ op: 'set', key, value })) };
}

function isOperation(value: JsonValue): boolean {
  return isJsonObject(value) && typeof value.op === 'string' && typeof value.key === 'string';
}

/** Updates the current object: a hook has no revision that it last saw. */
class UpdateAtHead implements EffectStep {
  readonly #context: CommandContext;
  readonly #request: UpdateRequest;
  #updating: UpdateCommand;

  constructor(context: CommandContext, request: UpdateRequest) {
    this.#context = context;
    this.#request = request;
    this.#updating = new UpdateCommand(context, request);
  }

  request(): WriteRequest {
    return {
      r: this.#request.target.r,
      prepare: async (head, ...reads) => {
        const rev = head?.rev ?? 1;
        this.#updating = new UpdateCommand(this.#context, { ...this.#request, rev });
        return await this.#updating.request().prepare(head, ...reads);
      },
    };
  }

  refusal(found: CommitRefusal): ProtocolError {
    return this.#updating.refusal(found);
  }
}

/** An error for the log and for a dead letter: `create /users/*: 409 validation.failed {…}`. */
export function describeFailure([kind, r]: ScriptEffect, error: unknown): string {
  if (!(error instanceof ProtocolError)) return `${kind} ${r}: ${error}`;
  const { code, message, errors } = error;
  const details = errors ? ` ${JSON.stringify(errors)}` : '';
  return `${kind} ${r}: ${code} ${message}${details}`;
}
