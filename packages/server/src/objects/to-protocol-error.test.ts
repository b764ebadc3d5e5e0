import { fail, ProtocolError } from '@really/protocol';
import { expect, test } from 'vitest';
import { type Log, silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { QueryTimeout, StoreUnavailable } from '../store/store-errors.js';
import { toProtocolError } from './to-protocol-error.js';

function convert(error: unknown) {
  const lines: { level: string; fields: Record<string, unknown> }[] = [];
  const write = (level: string) => (fields: object) =>
    void lines.push({ level, fields: fields as Record<string, unknown> });
  const log: Log = { ...silentLog, warn: write('warn'), error: write('error') };
  const platform = simulatedPlatform({ seed: 1 });
  const fields = { cmd: 'get', traceId: 't1' };
  return { answer: toProtocolError(error, { log, platform }, fields), lines };
}

test('[ERR2] protocol errors pass unchanged', () => {
  const error = fail('validation.failed', { name: ['value.required'] });
  expect(convert(error)).toEqual({ answer: error, lines: [] });
});

test('[ERR2] [DUR6] an unavailable store is a 503 with retryAfter', () => {
  for (const cause of [new StoreUnavailable('disk full'), new QueryTimeout('5 s')]) {
    const { answer, lines } = convert(cause);
    expect(answer).toMatchObject({ code: 503, message: 'server.unavailable' });
    expect(answer.meta?.retryAfter).toBeGreaterThan(0);
    expect(lines).toMatchObject([{ level: 'warn', fields: { err: cause, traceId: 't1' } }]);
  }
});

test('[ERR2] 429 and 503 say when to retry', () => {
  expect(convert(fail('rate.limited')).answer.meta).toEqual({ retryAfter: 1 });
  const later = fail('rate.limited', undefined, { meta: { retryAfter: 9 } });
  expect(convert(later).answer.meta).toEqual({ retryAfter: 9 });
});

test('[ERR2] [ENV5] an internal error is logged with its cause under the id that the client gets', () => {
  const cause = new Error('boom');
  const { answer, lines } = convert(cause);
  expect(answer.toJSON()).toEqual({
    code: 500,
    message: 'internal.server.error',
    id: expect.stringMatching(/^[0-9a-f]{16}$/),
  });
  const fields = { err: cause, id: answer.id, cmd: 'get', traceId: 't1' };
  expect(lines).toEqual([{ level: 'error', fields }]);
});

test('[ERR2] a 500 without an id gets one; a 500 with an id was logged already', () => {
  const bare = convert(fail('internal.server.error'));
  expect(bare.answer.id).toBeTruthy();
  expect(bare.lines).toHaveLength(1);
  const logged = new ProtocolError({ code: 500, message: 'internal.server.error', id: 'abc' });
  expect(convert(logged)).toEqual({ answer: logged, lines: [] });
});

test('[ERR3] nothing of an unexpected error reaches the client', () => {
  for (const thrown of ['text', undefined, null, { stack: 'at /home' }, new TypeError('x')]) {
    expect(Object.keys(convert(thrown).answer.toJSON())).toEqual(['code', 'message', 'id']);
  }
});
