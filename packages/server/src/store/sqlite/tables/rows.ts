import type { Actor, Delta, JsonObject } from '@really/protocol';
import type { Change, StoredObject } from '../../stored-object.js';

/** Rows are read as arrays, at half the cost of objects. */
export const objectColumns = 'rev, deleted, model_version, touched, data';
export type ObjectRow = readonly [
  rev: number,
  deleted: number,
  modelVersion: number,
  touched: string,
  data: string,
];

export function objectOf(r: string, row: ObjectRow): StoredObject {
  const [rev, deleted, modelVersion, touched, data] = row;
  return {
    r,
    rev,
    data: JSON.parse(data) as JsonObject,
    touched: JSON.parse(touched) as Record<string, number>,
    deleted: deleted === 1,
    modelVersion,
  };
}

/** Assembled without parsing what is JSON already. (An R has no character that JSON escapes.) */
export function objectJson(r: string, row: ObjectRow): string {
  const [rev, deleted, modelVersion, touched, data] = row;
  return `{"r":"${r}","rev":${rev},"data":${data},"touched":${touched},"deleted":${deleted === 1},"modelVersion":${modelVersion}}`;
}

/** Of the table `changes`; qualified, since the tables of objects have some of the names, too. */
const changeColumns = `
  changes.pos, changes.rev, changes.type, changes.at, changes.model_version, changes.author,
  changes.touched, changes.delta, changes.created, changes.cause`;
type ChangeRow = readonly [
  pos: number,
  rev: number,
  type: Change['type'],
  at: number,
  modelVersion: number,
  author: string,
  touched: string | null,
  delta: string | null,
  created: string | null,
  cause: string | null,
];

/**
 * As `changeColumns`, and the id of the once-key, as JSON. A key is stored at the first position of
 * its group, with one result per write. So nothing is stored with the change, and forgotten keys
 * are gone here, too.
 */
export const publishedColumns = `${changeColumns}, (
    SELECT id FROM (
      SELECT id, pos AS first, json_array_length(results) / 2 AS size FROM once
        WHERE pos <= changes.pos ORDER BY pos DESC LIMIT 1
    ) WHERE changes.pos < first + size)`;
export type PublishedRow = readonly [...change: ChangeRow, once: string | null];

/** The change as sent to subscribers of the object. */
export function publishedOf(r: string, row: PublishedRow): Change {
  const once = row[10];
  const change = changeOf(r, row);
  return once === null ? change : { ...change, once: JSON.parse(once) as string };
}

/** The change as moved to another store. */
export function changeOf(r: string, row: PublishedRow): Change {
  const [, rev, type, at, modelVersion, author, touched, delta, created, cause] = row;
  return {
    r,
    rev,
    type,
    delta: (delta === null ? {} : JSON.parse(delta)) as Delta,
    touched: (touched === null ? {} : JSON.parse(touched)) as Record<string, number>,
    created: created === null ? null : (JSON.parse(created) as JsonObject),
    by: JSON.parse(author) as Actor,
    modelVersion,
    at,
    ...(cause !== null && { cause }),
  };
}

export function publishedJson(r: string, row: PublishedRow): string {
  const [, rev, type, at, modelVersion, author, touched, delta, created, causeR, onceId] = row;
  const once = onceId === null ? '' : `,"once":${onceId}`;
  const cause = causeR === null ? '' : `,"cause":"${causeR}"`;
  return `{"r":"${r}","rev":${rev},"type":"${type}","delta":${delta ?? '{}'},"touched":${touched ?? '{}'},"created":${created},"by":${author},"modelVersion":${modelVersion},"at":${at}${cause}${once}}`;
}
