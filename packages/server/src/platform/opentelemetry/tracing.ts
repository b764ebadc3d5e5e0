import type * as Api from '@opentelemetry/api';
import {
  parseTraceParent,
  type Span,
  type SpanAttributes,
  type TraceParent,
  type Tracing,
  traceParentOf,
} from '../tracing.js';

/** The part of `@opentelemetry/api` that is used. */
export type OpenTelemetry = Pick<
  typeof Api,
  'trace' | 'ROOT_CONTEXT' | 'SpanKind' | 'SpanStatusCode' | 'TraceFlags'
>;

/** Tracing by OpenTelemetry; `undefined` without an SDK, since nothing would be exported. */
export function openTelemetryTracing(api: OpenTelemetry): Tracing | undefined {
  const tracer = api.trace.getTracer('really');
  // Without an SDK every span is the invalid one. A span that is not ended is not exported.
  const probe = tracer.startSpan('probe', { root: true });
  if (!api.trace.isSpanContextValid(probe.spanContext())) return undefined;
  const after = (parent: TraceParent | undefined) => {
    if (!parent) return api.ROOT_CONTEXT;
    const { traceId, spanId, sampled } = parent;
    const traceFlags = sampled ? api.TraceFlags.SAMPLED : api.TraceFlags.NONE;
    const context = { traceId, spanId, traceFlags, isRemote: true };
    return api.trace.setSpanContext(api.ROOT_CONTEXT, context);
  };
  return {
    command(begun) {
      const { cmd, r, traceId } = begun;
      const attributes = {
        'really.cmd': cmd,
        ...(r !== undefined && { 'really.r': r }),
        ...(traceId !== undefined && { 'really.trace_id': traceId }),
      };
      const options = { kind: api.SpanKind.SERVER, attributes };
      const context = after(traceParentOf(begun));
      return new OpenTelemetrySpan(api, tracer, tracer.startSpan('command', options, context));
    },
    push(parent, attributes) {
      const options = { kind: api.SpanKind.PRODUCER, attributes };
      const context = after(parseTraceParent(parent));
      return new OpenTelemetrySpan(api, tracer, tracer.startSpan('push', options, context));
    },
  };
}

class OpenTelemetrySpan implements Span {
  readonly #api: OpenTelemetry;
  readonly #tracer: Api.Tracer;
  readonly #span: Api.Span;

  constructor(api: OpenTelemetry, tracer: Api.Tracer, span: Api.Span) {
    this.#api = api;
    this.#tracer = tracer;
    this.#span = span;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  child(name: string): Span {
    const context = this.#api.trace.setSpan(this.#api.ROOT_CONTEXT, this.#span);
    const span = this.#tracer.startSpan(name, {}, context);
    return new OpenTelemetrySpan(this.#api, this.#tracer, span);
  }

  end(attributes: SpanAttributes = {}, failed = false): void {
    this.#span.setAttributes(attributes);
    if (failed) this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    this.#span.end();
  }
}
