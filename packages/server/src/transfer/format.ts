import type { Change, ObjectWithHistory, Pos, StoredObject } from '../store/store.js';

/**
 * The version of the format of an export, in its first line.
 *
 * 1: header, objects each after its changes, `since` lines, end.
 */
export const formatVersion = 1;

/** The first line. */
export interface ExportHeader {
  readonly really: 'export';
  readonly version: number;
  /** When it was begun, ISO 8601. */
  readonly time: string;
  /** Of the store when it was begun. */
  readonly position: Pos;
  /** As `Store.newest`. */
  readonly newest: number;
  readonly history: boolean;
  readonly system: boolean;
  /** Which ones, printed; left out where it is all of them. */
  readonly collections?: readonly string[] | undefined;
}

/** The last line, without which an export is not complete. */
export interface ExportEnd {
  /** All objects are as of this position. */
  readonly position: Pos;
  readonly newest: number;
  /** Lines of objects and of changes in this file; missing in a file that somebody made by hand. */
  readonly objects?: number | undefined;
  readonly changes?: number | undefined;
}

export function headerLine(header: ExportHeader): string {
  return `${JSON.stringify(header)}\n`;
}

/** The lines of an object: its changes, ascending, and then the object as they left it, which says that all of them are there. */
export function objectLines({ object, history }: ObjectWithHistory): string {
  return `${history.map(changeLine).join('')}${objectLine(object)}`;
}

function objectLine({ r, rev, modelVersion, deleted, touched, data }: StoredObject): string {
  const shown = { r, rev, modelVersion, ...(deleted && { deleted }) };
  const rest = deleted ? {} : { ...(!isEmpty(touched) && { touched }), data };
  return `${JSON.stringify({ ...shown, ...rest })}\n`;
}

function changeLine({ r, rev, type, at, by, modelVersion, ...rest }: Change): string {
  const { created, delta, touched } = rest;
  const change = {
    ...{ r, rev, type, at, by, modelVersion },
    ...(created !== null && { created }),
    ...(!isEmpty(delta) && { delta }),
    ...(!isEmpty(touched) && { touched }),
  };
  return `${JSON.stringify({ change })}\n`;
}

/** Objects that follow were written after this position: they stand for earlier lines of the same R. */
export function sinceLine(position: Pos): string {
  return `${JSON.stringify({ since: position })}\n`;
}

export function endLine(end: ExportEnd): string {
  return `${JSON.stringify({ end })}\n`;
}

function isEmpty(object: object): boolean {
  for (const _member in object) return false;
  return true;
}
