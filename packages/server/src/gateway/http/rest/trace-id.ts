/** What a request over HTTP says of the trace that it belongs to. */
export interface TraceHeaders {
  /** Rule ENV5. */
  readonly traceId?: string | undefined;
  /** W3C's header, as it came. */
  readonly traceparent?: string | undefined;
}

/** Rules ENV5 and TRC2, over HTTP: the `traceId` is `X-Trace-Id`, or the trace of W3C's `traceparent`. */
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
