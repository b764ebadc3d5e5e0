import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { runProgram } from './run-program.js';

/** As some editors write UTF-8. */
const marked = (files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [path, `\ufeff${text}`]));

test('[CFG9] a byte order mark is no part of a file, whatever the file is for', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'RS256' }] };
  await using app = await appFolder(
    marked({
      'really.yaml': `auth:
  keys: [key.pem, keys.json]
  mail: { smtp: "smtp://127.0.0.1:1", from: app@example.com, templates: mail }
`,
      'key.pem': pem,
      'keys.json': JSON.stringify(jwks),
      'mail/reset.txt': 'Subject: Another password\n\n{{token}}\n',
      'models/users/model.yaml':
        'version: 1\nfields: { name: { type: String } }\naccess: { read: true, create: true }\n',
      'models/tasks/model.yaml':
        'version: 2\nfields: { title: { type: String }, n: { type: Long } }\naccess: { read: true }\n',
      'models/tasks/evolution-2.js': 'return { ...obj, n: 2 };\n',
      'models/tasks/pre-get.js': 'hide("title");\n',
      'data.ndjson': `{"really":"export","version":1}
{"r":"/tasks/a","rev":1,"modelVersion":1,"data":{"title":"x"}}
{"end":{}}
`,
    }),
  );
  const imported = await runProgram(['import', 'data.ndjson'], { dir: app.dir });
  expect(imported).toMatchObject({ code: 0 });
  await using server = await ServerProcess.start({ dir: app.dir });
  using client = await Client.connect(server.socketUrl, signToken({ uid: 'u' }));
  const { body } = await client.request({ cmd: 'get', r: '/tasks/a' });
  expect(body).toEqual({ _r: '/tasks/a', _rev: 1, n: 2 });
});
