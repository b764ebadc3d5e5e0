import { isJsonObject } from '@really/protocol';
import type { OperatorAccess } from '../app/config/operator-access.js';
import type { MigrationEvent } from '../migration/migrate-all.js';
import { assertAnswered, requestLines } from './http-request.js';

/** Asks a running server to migrate. Throws a readable error if it cannot be asked, or stops before the end. */
export async function migrateOnServer(
  { url, host, secret }: OperatorAccess,
  report: (event: MigrationEvent) => void,
): Promise<void> {
  const stopped = `the server at ${url} stopped before everything was migrated`;
  let hasBegun = false;
  let isDone = false;
  const question = {
    method: 'POST',
    url: `${url}/_migrate`,
    host,
    headers: { 'X-Really-Secret': secret },
  };
  const status = await requestLines(question, (line) => {
    const event = eventOf(line);
    hasBegun = true;
    if (event === 'done') isDone = true;
    else if (event) report(event);
  }).catch((cause: unknown) => {
    const silent = `the data is in use, and there is no response from a server at ${url} (--port says where it is)`;
    throw new Error(hasBegun ? stopped : silent, { cause });
  });
  assertAnswered(url, status);
  if (!isDone) throw new Error(stopped);
}

/** Lines are those of `migrationRoute`; others are ignored. */
function eventOf(line: string): MigrationEvent | 'done' | undefined {
  const value: unknown = JSON.parse(line);
  if (!isJsonObject(value)) return undefined;
  const { kind, collection = '', r = '', reason = '', total, count, migrated, failed } = value;
  const text = { collection: String(collection), r: String(r), reason: String(reason) };
  switch (kind) {
    case 'done':
      return 'done';
    case 'begun':
      return { kind, collection: text.collection, total: Number(total) };
    case 'advanced':
      return { kind, collection: text.collection, count: Number(count) };
    case 'failed':
      return { kind, r: text.r, reason: text.reason };
    case 'ended':
      return {
        kind,
        collection: text.collection,
        migrated: Number(migrated),
        failed: Number(failed),
      };
    default:
      return undefined;
  }
}
