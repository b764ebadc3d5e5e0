import { request } from 'node:http';
import type { JsonObject } from '@really/protocol';
import { Client, type ServerMessage } from '../harness/client.js';
import { signToken } from '../harness/token.js';
import type { WireServer } from './wire-server.js';

export const domain = 'api.example.com';

/** The secrets of the apps. */
export const secrets: Readonly<Record<string, string>> = {
  a6bcc: 'the-secret-of-the-first-app-0123456789abcdef',
  b: 'the-secret-of-the-second-app-0123456789abcdef',
  c: 'the-secret-of-the-third-app-0123456789abcdef',
};

const notes = `version: 1
fields: { text: { type: String }, n: { type: Long, default: 0 } }
access: { create: true, read: true, update: true, delete: true }
`;

/** Three apps: two with a collection of one name, one with a collection of its own, and hooks that never end in the first. */
export const hostedApps: Readonly<Record<string, string>> = {
  'really.yaml': `domain: ${domain}
publicData: [name]
apps:
  a6bcc:
    models: first
    secret: ${secrets.a6bcc}
    public: pages
  b:
    secret: ${secrets.b}
    rate.commands: 5
    cors: https://b.example
  c:
    secret: ${secrets.c}
    store: memory
    publicData: []
`,
  'pages/index.html': '<title>the first app</title>',
  'first/notes/model.yaml': notes,
  'first/traps/model.yaml': notes,
  'first/traps/on-validate.js': 'while (true) "x".repeat(100000).indexOf("y");',
  'models/b/notes/model.yaml': notes,
  'models/c/notes/model.yaml': notes,
  'models/c/cards/model.yaml': notes,
};

export const hostOf = (app: string): string => `${app}.${domain}`;

/** A socket that asked for this host, initialized or not. */
export function open(server: WireServer, app: string): Promise<Client> {
  return Client.open(server.socketUrl, { headers: { Host: hostOf(app) } });
}

export function tokenOf(app: string, uid: string, claims: JsonObject = {}): string {
  return signToken({ uid, ...claims }, secrets[app.toLowerCase()]);
}

/** A socket of this app, initialized as this uid. */
export async function connect(
  server: WireServer,
  app: string,
  uid: string,
  more: JsonObject = {},
): Promise<Client & { readonly welcome: ServerMessage }> {
  const client = await open(server, app);
  const welcome = await client.request({
    cmd: 'initialize',
    accessToken: tokenOf(app, uid),
    ...more,
  });
  return Object.assign(client, { welcome });
}

export interface HostedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Asks over HTTP under any host, which \`fetch\` does not let one choose. */
export function ask(
  server: WireServer,
  host: string,
  path: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<HostedResponse> {
  return new Promise((resolve, reject) => {
    const all = { ...headers, Host: host };
    const sent = request(`${server.url}${path}`, { method, headers: all }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
