import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Log } from '../../platform/log.js';
import { type OpenTelemetry, openTelemetryTracing } from '../../platform/opentelemetry/tracing.js';
import type { Tracing } from '../../platform/tracing.js';

/**
 * Rule TRC1: traces where an SDK of OpenTelemetry was set up before the server started; `undefined`
 * otherwise. `folder` is where the app is, and maybe the SDK.
 */
export function openTracing(log: Log, folder: string): Tracing | undefined {
  const setUpBy = versionThatSetUp();
  if (setUpBy === undefined) return undefined;
  // A copy of the API that is newer than the one that the SDK has says that there is no SDK, so one copy may do where another does not.
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

/** The version of the API by which a tracer was set up. All copies of the API keep what was set up in one place, by its major version. */
function versionThatSetUp(): string | undefined {
  for (const key of Object.getOwnPropertySymbols(globalThis)) {
    if (!key.description?.startsWith('opentelemetry.js.api.')) continue;
    const { version, trace }: { version?: unknown; trace?: unknown } = Reflect.get(globalThis, key);
    if (trace !== undefined) return String(version);
  }
  return undefined;
}

/** The API that is found from a place; it need not be there. */
function apiFrom(place: string | URL): OpenTelemetry | undefined {
  try {
    return createRequire(place)('@opentelemetry/api');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') {
      return undefined;
    }
    throw error;
  }
}
