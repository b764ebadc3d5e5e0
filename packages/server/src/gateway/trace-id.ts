/** Rule ENV5, over HTTP: from `X-Trace-Id`, or the trace of W3C's `traceparent`. */
export function traceIdOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string | undefined {
  const own = headers['x-trace-id'];
  if (typeof own === 'string' && own !== '') return own;
  const parent = headers.traceparent;
  if (typeof parent !== 'string') return undefined;
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(parent)?.[1];
}
