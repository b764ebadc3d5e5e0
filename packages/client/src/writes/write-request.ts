import type { JsonObject } from '@really/protocol/client';
import type { WireMessage, WireRequest } from '../wire-message.js';
import type { ClientCommand } from './client-command.js';
import { checkedFields } from './client-command.js';
import type { ClientWrite, SeenRevision } from './client-write.js';
import { baseRevision } from './seen-revisions.js';

/** The message of a write, without its tag; or the object whose revision has to be learnt before. */
export function writeRequest(write: ClientWrite): WireRequest | string {
  const seenRevisions = new Map(write.seen);
  const requests: WireRequest[] = [];
  for (const command of write.commands) {
    const { cmd, r } = command;
    // Within its batch an object begins with revision 1.
    const own: SeenRevision = { rev: 1, epoch: undefined, known: new Map() };
    const seen = seenRevisions.get(r) ?? own;
    if (cmd === 'create') seenRevisions.set(r, own);
    const isCompared = cmd === 'update' && checkedFields(command).size > 0;
    if (isCompared && baseRevision(command, seen) === undefined) return r;
    requests.push(commandRequest(command, seen));
  }
  const once = { once: write.id };
  if (write.isBatch) return { cmd: 'batch', body: { commands: requests }, cmdOpts: once };
  const [request = { cmd: 'ping' }] = requests;
  return { ...request, cmdOpts: { ...request.cmdOpts, ...once } };
}

function commandRequest(command: ClientCommand, seen: SeenRevision): WireRequest {
  const { cmd, r } = command;
  if (cmd === 'create') return { cmd, r, body: command.body };
  const rev = cmd === 'update' ? baseRevision(command, seen) : command.rev;
  // A delete without a revision is based on nothing. Where nothing was seen, the app's revision may be of any store.
  const isOfStore = (cmd === 'update' || rev) && (seen.rev ?? seen.known.size);
  const cmdOpts = isOfStore && seen.epoch ? { epoch: seen.epoch } : undefined;
  if (cmd === 'delete') return { cmd, r, rev, cmdOpts };
  return { cmd, r, rev: rev ?? 1, body: { ops: command.ops }, cmdOpts };
}

/** What one command of a write led to. */
export interface CommandResult {
  readonly r: string;
  /** Of a delete it is not known. */
  readonly rev?: number | undefined;
  /** Of a create: the object as its creator may see it. */
  readonly object?: JsonObject;
}

/** The results of a write, from its answer. */
export function resultsOf(write: ClientWrite, { rev, body, meta }: WireMessage): CommandResult[] {
  const answers = write.isBatch ? (body?.results as unknown as WireMessage[]) : [{ rev, body }];
  return write.commands.map((command, index) => {
    const { rev, body = {} } = answers[index] ?? {};
    if (command.cmd !== 'create') return { r: command.r, rev };
    // The answer to a repeated create names the object only.
    const object = meta?.repeated ? { ...command.body, _r: command.r, _rev: 1, ...body } : body;
    return { r: command.r, rev: 1, object };
  });
}

/** What the app gets from an awaited write: the results of a batch, or the one of a single command. */
export function appResult(write: ClientWrite, results: readonly CommandResult[]): unknown {
  const each = results.map(
    ({ r, rev, object }) => object ?? (rev === undefined ? { r } : { r, rev }),
  );
  return write.isBatch ? each : each[0];
}
