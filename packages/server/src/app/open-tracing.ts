import type { Log } from '../platform/log.js';
import { type OpenTelemetry, openTelemetryTracing } from '../platform/opentelemetry/tracing.js';
import type { Tracing } from '../platform/tracing.js';

/**
 * Rule TRC1: traces where `@opentelemetry/api` is installed and an SDK was set up before the server
 * started; `undefined` otherwise.
 */
export async function openTracing(log: Log): Promise<Tracing | undefined> {
  const api = await loadApi();
  const tracing = api && openTelemetryTracing(api);
  if (tracing) log.info({}, 'commands are traced with OpenTelemetry');
  return tracing;
}

/** It is a peer that need not be there. */
async function loadApi(): Promise<OpenTelemetry | undefined> {
  try {
    return await import('@opentelemetry/api');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') {
      return undefined;
    }
    throw error;
  }
}
