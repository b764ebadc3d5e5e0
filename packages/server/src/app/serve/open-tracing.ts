import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Log } from '../../platform/log.js';
import { type OpenTelemetry, openTelemetryTracing } from '../../platform/opentelemetry/tracing.js';
import { systemCode } from '../../platform/system-reason.js';
import type { Tracing } from '../../platform/tracing.js';

/**
 * Rule TRC1: traces if an OpenTelemetry SDK was set up before the server started; otherwise `undefined`. `folder` is
 * the app's folder, which may contain the SDK.
 */
export function openTracing(log: Log, folder: string): Tracing | undefined {
  const setUpBy = versionThatSetUp();
  if (setUpBy === undefined) return undefined;
  // A copy of the API that is newer than the SDK's finds no SDK, so another copy may work if one does not.
  const copies = [import.meta.url, join(folder, 'package.json')]
    .map(apiFrom)
    .filter((api) => api !== undefined);
  for (const api of copies) {
    const tracing = openTelemetryTracing(api);
    if (tracing === undefined) continue;
    log.info({}, 'commands are traced with OpenTelemetry');
    return tracing;
  }
  const found = copies.length > 0 ? 'none that goes with it' : 'none at all';
  log.warn(
    { setUpBy },
    `OpenTelemetry is set up, and commands are not traced: it was set up by @opentelemetry/api ${setUpBy}, and the server finds ${found}; install that version beside the server or in the folder of the app`,
  );
  return undefined;
}

/** The API version that a tracer was set up with. All copies of the API store their state in one place per major version. */
function versionThatSetUp(): string | undefined {
  for (const key of Object.getOwnPropertySymbols(globalThis)) {
    if (!key.description?.startsWith('opentelemetry.js.api.')) continue;
    const { version, trace }: { version?: unknown; trace?: unknown } = Reflect.get(globalThis, key);
    if (trace !== undefined) return String(version);
  }
  return undefined;
}

/** The API as resolved from a folder; it may be missing. */
function apiFrom(place: string | URL): OpenTelemetry | undefined {
  try {
    return createRequire(place)('@opentelemetry/api');
  } catch (error) {
    if (systemCode(error) === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
