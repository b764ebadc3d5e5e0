import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { JsonObject } from '@really/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../../conventions/sources.js';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { Conversation } from '../../harness/conversation.js';
import { type Fence, filesIn, sectionsOf } from '../../harness/docs-page.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { inboxUrl, trackerFiles } from '../../harness/tracker.js';
import { WebhookReceiver } from '../../harness/webhook-receiver.js';

const sections = sectionsOf('tutorial.md');
const program = join(root, 'packages/server/bin/really.js');

/** The example as a matcher: `…` stands for any text. */
function expected(value: unknown): unknown {
  if (value === '…') return expect.any(String);
  if (Array.isArray(value)) return value.map(expected);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, expected(one)]));
}

describe('docs/tutorial.md', () => {
  let folder: AppFolder;
  let receiver: WebhookReceiver;
  let server: ServerProcess | undefined;
  const written: Record<string, string> = {};

  beforeAll(async () => {
    folder = await appFolder({});
    receiver = await WebhookReceiver.start();
    await mkdir(join(folder.dir, 'bin'));
    const npx = `#!/bin/sh\nshift\nexec "${process.execPath}" "${program}" "$@"\n`;
    await writeFile(join(folder.dir, 'bin/npx'), npx, { mode: 0o755 });
  });

  afterAll(async () => {
    await server?.kill();
    await receiver?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  /** Writes the files that the section shows, and starts the server with them. */
  async function take(fences: readonly Fence[]): Promise<void> {
    const files = filesIn(fences.filter(({ text }) => !/^\/\/ from /.test(text)));
    if (Object.keys(files).length === 0) return;
    Object.assign(written, files);
    const entries = Object.entries(files);
    await folder.write(
      Object.fromEntries(
        entries.map(([path, text]) => [path, text.replaceAll(inboxUrl, receiver.url)]),
      ),
    );
    await server?.stop();
    server = await ServerProcess.start({ dir: folder.dir, command: 'dev' });
  }

  async function run(command: string): Promise<string> {
    const env = {
      PATH: `${join(folder.dir, 'bin')}:${process.env.PATH}`,
      REALLY_SECRET: testSecret,
    };
    const local = command.replaceAll('http://127.0.0.1:9000', server?.url ?? '');
    const cwd = folder.dir;
    const { stdout } = await promisify(execFile)('bash', ['-ec', local], { env, cwd });
    return stdout;
  }

  async function compare(command: string, shown: Fence | undefined): Promise<void> {
    const said = await run(command);
    if (shown?.language === 'json') {
      expect(JSON.parse(said), command).toEqual(expected(JSON.parse(shown.text)));
    } else {
      expect(said, command).toContain(shown?.text.trim());
    }
  }

  const connect = (claims: JsonObject) =>
    Client.connect(server?.socketUrl ?? '', signToken(claims, testSecret));

  test.for(sections)('$title', async ({ fences }) => {
    await take(fences);
    using conversation = new Conversation(connect);
    for (const [index, { language, text }] of fences.entries()) {
      if (language === 'sh') await compare(text, fences[index + 1]);
      else if (/^(?:-- )?\w+(?::| [<>]) \{/.test(text)) await conversation.play(text);
    }
  });

  test('emails and events went to the inbox', async () => {
    const data = { email: 'cora@example.com', project: 'Move' };
    await expect
      .poll(() => receiver.ofType('invitation.created').map(({ json }) => json.data))
      .toMatchObject([data]);
    await expect.poll(() => receiver.ofType('task.done').length).toBe(1);
  });

  test('it ends with the files of examples/tracker', async () => {
    const withoutName = (text: string) => text.slice(text.indexOf('\n') + 1);
    const made = Object.entries(written).map(([path, text]) => [path, withoutName(text)]);
    expect(Object.fromEntries(made)).toEqual(trackerFiles());
    const parts = sections.flatMap(({ fences }) =>
      fences.filter(({ text }) => text.startsWith('// from ')),
    );
    expect(parts).toHaveLength(4);
    for (const { text } of parts) {
      const [, path = ''] = /^\/\/ from (\S+)/.exec(text) ?? [];
      const whole = await readFile(join(root, 'examples/tracker', path), 'utf8');
      expect(whole, path).toContain(withoutName(text));
    }
  });
});
