import type { Change, ObjectWithHistory, Pos, StoredObject } from '../store/stored-object.js';

/**
 * The version of the format of an export, in its first line.
 *
 * 1: header, objects each after its changes, `{ since }` lines, `{ end }`. The objects after a `since` line were
 * written after this position, and replace earlier lines of the same R.
 */
export const formatVersion = 1;

/** The first line. */
export interface ExportHeader {
  readonly really: 'export';
  readonly version: number;
  /** When the export began, ISO 8601. */
  readonly time: string;
  /** Position of the store when the export began. */
  readonly position: Pos;
  /** As `Store.latestChangeTime`. */
  readonly newest: number;
  readonly history: boolean;
  readonly system: boolean;
  /** The collections, printed; omitted if all. */
  readonly collections?: readonly string[] | undefined;
}

/** The last line, without which an export is incomplete. */
export interface ExportEnd {
  /** All objects are as of this position. */
  readonly position: Pos;
  readonly newest: number;
  /** Number of lines of objects and of changes; missing in a hand-written file. */
  readonly objects?: number | undefined;
  readonly changes?: number | undefined;
}

export function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * The lines of an object: its changes, ascending, and then the resulting object, which shows that
 * the changes are complete.
 */
export function objectLines({ object, history }: ObjectWithHistory): string {
  return `${history.map(changeLine).join('')}${objectLine(object)}`;
}

function objectLine({ r, rev, modelVersion, deleted, touched, data }: StoredObject): string {
  const shown = { r, rev, modelVersion, ...(deleted && { deleted }) };
  const rest = deleted ? {} : { ...(!isEmpty(touched) && { touched }), data };
  return lineOf({ ...shown, ...rest });
}

function changeLine({ r, rev, type, at, by, modelVersion, ...rest }: Change): string {
  const { created, delta, touched, cause } = rest;
  const change = {
    ...{ r, rev, type, at, by, modelVersion },
    ...(created !== null && { created }),
    ...(!isEmpty(delta) && { delta }),
    ...(!isEmpty(touched) && { touched }),
    ...(cause !== undefined && { cause }),
  };
  return lineOf({ change });
}

function isEmpty(object: object): boolean {
  for (const _member in object) return false;
  return true;
}
