import type { JsonObject } from '@really/protocol';
import { expect } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';

export const create = (client: Client, r: string, body: JsonObject, cmdOpts: JsonObject = {}) =>
  client.request({ cmd: 'create', r, body, cmdOpts });
export const get = (client: Client, r: string, fields?: string[]) =>
  client.request({ cmd: 'get', r, ...(fields === undefined ? {} : { cmdOpts: { fields } }) });
export const update = (client: Client, r: string, rev: number, ...ops: JsonObject[]) =>
  client.request({ cmd: 'update', r, rev, body: { ops } });
export const remove = (client: Client, r: string) => client.request({ cmd: 'delete', r });

export function refused(
  answer: ServerMessage,
  code: number,
  message: string,
  errors?: object,
): void {
  expect(answer.error).toEqual({ code, message, ...(errors === undefined ? {} : { errors }) });
  expect(answer.body).toBeUndefined();
}
