/** The trace headers of an HTTP request. */
export interface TraceHeaders {
  /** Rule ENV5. */
  readonly traceId?: string | undefined;
  /** The W3C header, unparsed. */
  readonly traceparent?: string | undefined;
}

/**
 * Rules ENV5 and TRC2 over HTTP: the `traceId` is `X-Trace-Id`, or the trace of the W3C
 * `traceparent`.
 */
export function traceOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): TraceHeaders {
  const own = headers['x-trace-id'];
  const parent = headers.traceparent;
  const traceparent = typeof parent === 'string' ? parent : undefined;
  if (typeof own === 'string' && own !== '') return { traceId: own, traceparent };
  const traceId = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '');
  return { traceId: traceId?.[1], traceparent };
}
