/**
 * The port to distributed traces: what a request did, from its frame to the pushes that it led to. Where
 * nobody traces there is no `Tracing` at all, and everything that would ask it costs one comparison.
 */
export interface Tracing {
  /** A command begins. */
  command(begun: TracedCommand): Span;
  /** Subscribers are about to be told of a change. `parent` is the `traceparent` that came with it, maybe from another node. */
  push(parent: string, attributes: SpanAttributes): Span;
}

export interface TracedCommand {
  readonly cmd: string;
  /** Printed. */
  readonly r?: string | undefined;
  /** As the request has it (rule TRC2). */
  readonly traceId?: string | undefined;
  /** Of HTTP: W3C's header, where it came. It goes before `traceId`. */
  readonly traceparent?: string | undefined;
}

export type SpanAttributes = Readonly<Record<string, string | number>>;

/** Something that takes time. One that is not ended is not told of. */
export interface Span {
  /** What those who go on with this say is before them: W3C's `traceparent`. */
  readonly traceparent: string;
  /** A part of it. */
  child(name: string): Span;
  /** `failed`: it was the server's own fault. */
  end(attributes?: SpanAttributes, failed?: boolean): void;
}

/** What a span continues. */
export interface TraceParent {
  /** 32 digits, hexadecimal. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const traceparent = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/;
const zeros = /^0+$/;

/** What a command continues (rule TRC2); `undefined`: it is the first of its trace. */
export function traceParentOf(command: TracedCommand): TraceParent | undefined {
  const { traceId = '' } = command;
  return parseTraceParent(command.traceparent ?? '') ?? parseTraceParent(traceId) ?? bare(traceId);
}

/** Reads W3C's `traceparent`. */
export function parseTraceParent(text: string): TraceParent | undefined {
  const [, traceId = '0', spanId = '0', flags = '0'] = traceparent.exec(text) ?? [];
  if (zeros.test(traceId) || zeros.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/**
 * The trace that an example in the metrics leads to: the one that is kept, or else the one that the request named.
 */
export function exampleOf(
  span: Span | undefined,
  request: Pick<TracedCommand, 'traceId' | 'traceparent'> = {},
): string | undefined {
  const own = span && parseTraceParent(span.traceparent);
  if (own?.sampled) return own.traceId;
  const { traceId, traceparent } = request;
  const named = parseTraceParent(traceparent ?? '') ?? parseTraceParent(traceId ?? '');
  return named?.traceId ?? traceId;
}

/** A trace without a span: whoever names one wants it followed. The span before it is made of the id's own end. */
function bare(text: string): TraceParent | undefined {
  const traceId = text.toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId) || zeros.test(traceId)) return undefined;
  const end = traceId.slice(16);
  return { traceId, spanId: zeros.test(end) ? traceId.slice(0, 16) : end, sampled: true };
}
