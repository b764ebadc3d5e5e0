import { type FieldErrors, ProtocolError } from '../errors.js';
import { isJsonObject, type JsonObject } from '../json/json.js';
import { type Static, Type } from '../typebox.js';
import { type CreateRequest, parseCreate } from './create.js';
import { type DeleteRequest, parseDelete } from './delete.js';
import { type RequestBase, readEnvelope } from './request.js';
import type { RequestLimits } from './request-limits.js';
import { ArgumentErrors } from './schema/argument-errors.js';
import { checkerOf } from './schema/check-schema.js';
import { AnyObject, TraceId, WriteOptions } from './schema/parts.js';
import { parseUpdate, type UpdateRequest } from './update.js';

/** Maximum commands of a batch. */
export const batchCommands = 100;

export const batchSchema = Type.Object({
  traceId: TraceId,
  body: Type.Object({
    commands: Type.Array(AnyObject, { minItems: 1, maxItems: batchCommands }),
  }),
  cmdOpts: Type.Optional(WriteOptions),
});

export type BatchedRequest = CreateRequest | UpdateRequest | DeleteRequest;

export interface BatchRequest extends RequestBase {
  readonly cmd: 'batch';
  /** Each has the tag of the batch. */
  readonly body: { readonly commands: readonly BatchedRequest[] };
  readonly cmdOpts: Static<typeof WriteOptions>;
}

const check = checkerOf(batchSchema);

type Parse = (message: JsonObject, tag: number, limits: RequestLimits) => BatchedRequest;

const parsers: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  ['create', parseCreate],
  ['update', parseUpdate],
  ['delete', parseDelete],
]);

export function parseBatch(message: JsonObject, tag: number, limits: RequestLimits): BatchRequest {
  const { traceId, body, cmdOpts } = check(message) as Static<typeof batchSchema>;
  const parsing = choosing(body.commands);
  const commands = parsing.map((parse, index) => {
    try {
      return parse(body.commands[index] ?? {}, tag, limits);
    } catch (error) {
      throw batchRefusal(index, error, `body.commands[${index}]`);
    }
  });
  return { cmd: 'batch', tag, traceId, body: { commands }, cmdOpts: cmdOpts ?? {} };
}

/** The parser of each command. Throws 400 for a command that a batch may not contain. */
function choosing(commands: readonly JsonObject[]): Parse[] {
  const errors = new ArgumentErrors();
  const known: Parse[] = [];
  for (const [index, command] of commands.entries()) {
    const path = `body.commands[${index}]`;
    const parse = parsers.get(readEnvelope(command).cmd ?? '');
    // A once-id would cover only a part of the batch.
    const { cmdOpts } = command;
    const isOnce = isJsonObject(cmdOpts) && (cmdOpts.once ?? undefined) !== undefined;
    if (!parse || isOnce) errors.add(`commands[${index}]`, 'request.invalid');
    if (parse) known.push(parse);
    else errors.add(`${path}.cmd`, 'expected.create.or.update.or.delete');
    if (isOnce) errors.add(`${path}.cmdOpts.once`, 'expected.nothing');
  }
  errors.throwIfAny();
  return known;
}

/**
 * The refusal of a batch because of one command: that command's error, with its index. Field errors
 * are repeated under `path`. Any other failure is returned unchanged.
 */
export function batchRefusal(index: number, error: unknown, path = `commands[${index}]`): unknown {
  if (!(error instanceof ProtocolError)) return error;
  const errors: FieldErrors = { [`commands[${index}]`]: [error.message] };
  for (const [field, details] of Object.entries(error.errors ?? {})) {
    errors[`${path}.${field}`] = details;
  }
  const { code, message, meta, id } = error;
  return new ProtocolError({ code, message, errors, meta, id });
}

/** Subscriptions in one message that count as one command. */
const subscriptionsPerCommand = 20;

/**
 * The number of commands that a message counts as: those in a batch (rule LIM18 for subscribe and
 * unsubscribe).
 */
export function commandsIn(message: JsonObject): number {
  const { cmd } = readEnvelope(message);
  if (!isJsonObject(message.body)) return 1;
  if (cmd === 'subscribe' || cmd === 'unsubscribe') {
    const { subscriptions } = message.body;
    const items = Array.isArray(subscriptions) ? subscriptions.length : 0;
    return Math.max(1, costOfSubscriptions(items));
  }
  if (cmd !== 'batch') return 1;
  const { commands } = message.body;
  // A batch with more is refused as a whole, and counts as one.
  const isOne = Array.isArray(commands) && commands.length <= batchCommands;
  return isOne ? Math.max(1, commands.length) : 1;
}

/** What this many subscriptions cost, in commands (rule LIM18). */
export function costOfSubscriptions(subscriptions: number): number {
  return Math.ceil(subscriptions / subscriptionsPerCommand);
}
