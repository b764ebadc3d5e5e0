import type { ReallyErrorDetails } from '../really-error.js';
import type { WireRequest } from '../wire-message.js';
import type { ClientCommand } from '../writes/client-command.js';
import type { ClientWrite } from '../writes/client-write.js';
import type { WriteEnding } from '../writes/write-keeper.js';
import type { CommandResult } from '../writes/write-request.js';

/** A write as it is kept on the device: what it takes to send it from another page, or a later one. */
export interface WriteRecord {
  readonly id: string;
  readonly commands: readonly ClientCommand[];
  readonly isBatch: boolean;
  /** Milliseconds since 1970, as `sentAt`. */
  readonly createdAt: number;
  /** By R: `rev`, `epoch`, and revisions by field. */
  readonly seen: readonly (readonly [
    r: string,
    rev: number | undefined,
    epoch: string | undefined,
    known: readonly (readonly [string, number])[],
  ])[];
  /** As it is sent; with `sentAt`, when it was sent first. */
  readonly request: WireRequest | undefined;
  readonly sentAt: number | undefined;
}

/** How a write ended, as data, which another page can be told. */
export type RecordedEnding =
  | { readonly state: 'committed'; readonly results: readonly CommandResult[] }
  | { readonly state: 'refused' | 'uncertain'; readonly error: ReallyErrorDetails };

/** `sentAt`: in milliseconds since 1970. */
export function recordOf(write: ClientWrite, sentAt: number | undefined): WriteRecord {
  const { id, commands, isBatch, createdAt, request } = write;
  const seen = [...write.seen].map(
    ([r, { rev, epoch, known }]) => [r, rev, epoch, [...known]] as const,
  );
  return { id, commands, isBatch, createdAt, seen, request, sentAt };
}

export function recordedEnding(ending: WriteEnding): RecordedEnding {
  if (ending.state === 'committed') return ending;
  const { state, error } = ending;
  // Of an error only the members that it adds to others are enumerable.
  return { state, error: { ...error, message: error.message } };
}
