import { expect, test } from 'vitest';
import { parseTraceParent, traceParentOf } from './tracing.js';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';

test('[TRC2] traceparent is parsed as W3C defines it', () => {
  const parent = { traceId: id, spanId: span };
  expect(parseTraceParent(`00-${id}-${span}-01`)).toEqual({ ...parent, sampled: true });
  expect(parseTraceParent(`00-${id}-${span}-00`)).toEqual({ ...parent, sampled: false });
  expect(parseTraceParent(`cc-${id}-${span}-03-what-comes-later`)).toEqual({
    ...parent,
    sampled: true,
  });
  for (const wrong of [
    '',
    id,
    `ff-${id}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${id}-${'0'.repeat(16)}-01`,
    `00-${id.toUpperCase()}-${span}-01`,
    `00-${id}-${span}-011`,
  ]) {
    expect([wrong, parseTraceParent(wrong)]).toEqual([wrong, undefined]);
  }
});

test('[TRC2] a traceId is a traceparent or 32 digits; the header takes precedence', () => {
  const of = (traceId: string, traceparent?: string) =>
    traceParentOf({ cmd: 'get', traceId, traceparent });
  expect(of(`00-${id}-${span}-00`)).toEqual({ traceId: id, spanId: span, sampled: false });
  expect(of(id.toUpperCase())).toEqual({ traceId: id, spanId: id.slice(16), sampled: true });
  const ends = `${'a'.repeat(16)}${'0'.repeat(16)}`;
  expect(of(ends)).toEqual({ traceId: ends, spanId: 'a'.repeat(16), sampled: true });
  expect(of(id, `00-${'b'.repeat(32)}-${span}-01`)?.traceId).toBe('b'.repeat(32));
  for (const none of ['', 'my-request', '0'.repeat(32), `${id}0`]) expect(of(none)).toBeUndefined();
});
