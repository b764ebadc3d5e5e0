import { errorTable } from '@really/protocol';
import { expect, test } from 'vitest';
import { serverError } from './really-error.js';

test('[TSC9] an error says whether to try again as the table of the protocol does', () => {
  for (const [message, { code, retry }] of Object.entries(errorTable)) {
    expect([message, serverError({ code, message }).retry]).toEqual([message, retry]);
  }
  expect(serverError({ code: 422, message: 'said by a hook' }).retry).toBe('never');
});
