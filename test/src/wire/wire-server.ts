import { afterAll, beforeAll } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { wireApp } from './app.js';

export interface WireServer {
  readonly url: string;
  readonly socketUrl: string;
  readonly process: ServerProcess;
  readonly folder: AppFolder;
  /** Kills it, and starts another one on the same data. */
  restart(): Promise<void>;
  /** A socket initialized as this uid. */
  as(uid: string, claims?: Readonly<Record<string, unknown>>): Promise<Client>;
}

/** One server for all tests of a file, with the app of the wire tests. */
export function wireServer(
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = wireApp,
): WireServer {
  let folder: AppFolder | undefined;
  let process: ServerProcess | undefined;
  beforeAll(async () => {
    folder = await appFolder(files);
    process = await ServerProcess.start({ dir: folder.dir, env });
  });
  afterAll(async () => {
    await process?.kill();
    await folder?.[Symbol.asyncDispose]();
  });
  const running = (): ServerProcess => {
    if (process === undefined) throw new Error('the server does not run');
    return process;
  };
  return {
    get url() {
      return running().url;
    },
    get socketUrl() {
      return running().socketUrl;
    },
    get process() {
      return running();
    },
    get folder() {
      if (folder === undefined) throw new Error('the server does not run');
      return folder;
    },
    async restart() {
      await running().kill();
      process = await ServerProcess.start({ dir: folder?.dir ?? '', env });
    },
    as: (uid, claims = {}) =>
      Client.connect(running().socketUrl, signToken({ uid, ...claims }, testSecret)),
  };
}
