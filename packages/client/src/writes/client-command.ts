import { type FieldOp, type JsonObject, topField } from '@really/protocol/client';

/** One change, as the app asked for it. */
export type ClientCommand =
  | {
      readonly cmd: 'create';
      readonly r: string;
      readonly body: JsonObject;
      readonly isOwnId: boolean;
    }
  | { readonly cmd: 'update'; readonly r: string; readonly ops: readonly FieldOp[] }
  | { readonly cmd: 'delete'; readonly r: string; readonly rev: number | undefined };

/** Whether an operation applies to the present value, whatever revision it was written on. */
export function merges({ op }: FieldOp): boolean {
  return op === 'addNumber' || op === 'push' || op === 'addToSet' || op === 'pull';
}

/** Whether applying it twice would be two changes. */
export function isRepeatable(command: ClientCommand): boolean {
  return command.cmd !== 'update' || !command.ops.some(merges);
}

/** The fields whose revision the server compares. */
export function checkedFields({ ops }: { readonly ops: readonly FieldOp[] }): Set<string> {
  return new Set(ops.filter((op) => !merges(op)).map(({ key }) => topField(key)));
}
