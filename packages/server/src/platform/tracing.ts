/**
 * The port to distributed tracing: what a request did, from its frame to the pushes it led to.
 * Without tracing there is no `Tracing` object, and every use costs one comparison.
 */
export interface Tracing {
  /** Starts the span of a command. */
  command(begun: TracedCommand): Span;
  /**
   * Starts the span of pushing a change. `parent`: the change's `traceparent`, possibly from
   * another node.
   */
  push(parent: string, attributes: SpanAttributes): Span;
}

export interface TracedCommand {
  readonly cmd: string;
  /** Printed. */
  readonly r?: string | undefined;
  /** From the request (rule TRC2). */
  readonly traceId?: string | undefined;
  /** The W3C header of an HTTP request. Takes precedence over `traceId`. */
  readonly traceparent?: string | undefined;
}

export type SpanAttributes = Readonly<Record<string, string | number>>;

/** A span. It is exported only when ended. */
export interface Span {
  /** W3C `traceparent` for what continues this span. */
  readonly traceparent: string;
  /** Starts a child span. */
  child(name: string): Span;
  /** `failed`: by the server's own fault. */
  end(attributes?: SpanAttributes, failed?: boolean): void;
}

/** The parent of a span. */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const traceparent = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/;
const zeros = /^0+$/;

/** The parent of a command's span (rule TRC2); `undefined`: it starts a trace. */
export function traceParentOf(command: TracedCommand): TraceParent | undefined {
  const { traceId = '' } = command;
  return parseTraceParent(command.traceparent ?? '') ?? parseTraceParent(traceId) ?? bare(traceId);
}

/** Parses a W3C `traceparent`. */
export function parseTraceParent(text: string): TraceParent | undefined {
  const [, traceId = '0', spanId = '0', flags = '0'] = traceparent.exec(text) ?? [];
  if (zeros.test(traceId) || zeros.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/**
 * The trace id for a metrics exemplar: of the recorded trace, or else the one that the request
 * named.
 */
export function exampleOf(
  span: Span | undefined,
  request: Pick<TracedCommand, 'traceId' | 'traceparent'> = {},
): string | undefined {
  const { traceId, traceparent } = request;
  if (!span && traceId === undefined && traceparent === undefined) return undefined;
  const own = span && parseTraceParent(span.traceparent);
  if (own?.sampled) return own.traceId;
  const named = parseTraceParent(traceparent ?? '') ?? parseTraceParent(traceId ?? '');
  return named?.traceId ?? traceId;
}

/**
 * A trace without a parent span: a request that names a trace is always sampled. The span id is the
 * end of the trace id.
 */
function bare(text: string): TraceParent | undefined {
  const traceId = text.toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId) || zeros.test(traceId)) return undefined;
  const end = traceId.slice(16);
  return { traceId, spanId: zeros.test(end) ? traceId.slice(0, 16) : end, sampled: true };
}
