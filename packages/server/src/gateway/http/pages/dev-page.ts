import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Tokens } from '../../../auth/tokens.js';
import type { ModelSet } from '../../../model/model.js';
import type { Platform } from '../../../platform/platform.js';
import { isLoopbackHost } from '../../../platform/trusted-url.js';
import type { ClientAddresses } from '../../server/client-addresses.js';
import { refusals } from '../../server/http-refusal.js';
import { sendRefusal } from '../http-responses.js';
import { devPageHtml, script, style } from './dev-page-html.js';

/** A page of the documentation, served unchanged. */
export interface DocsPage {
  /** `protocol.md` */
  readonly name: string;
  readonly text: string;
}

export interface DevPageOptions {
  /** The current models. */
  readonly models: () => ModelSet;
  readonly tokens: Pick<Tokens, 'mint'>;
  readonly platform: Pick<Platform, 'clock'>;
  readonly addresses: Pick<ClientAddresses, 'isLocal'>;
  readonly docs: readonly DocsPage[];
}

/** The uid of the page's token, and its lifetime in milliseconds. */
const developer = 'developer';
const tokenLife = 86_400_000;

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The page may load its own style and script; code in the console may talk to this server. */
const contentPolicy = [
  "default-src 'none'",
  `style-src ${hashOf(style)}`,
  `script-src ${hashOf(script)}`,
  'img-src data:',
  "connect-src 'self' ws: wss:",
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');

/**
 * Rule CLI12: the page that a developer gets at the server's URL in a browser. It contains a token,
 * so it is only for this machine: requested from here, under a name of this machine (other names
 * could be made to resolve here), and not readable for pages of other origins.
 */
export function devPageRoutes(app: FastifyInstance, options: DevPageOptions): void {
  const pages = new Map(options.docs.map(({ name, text }) => [name, text]));
  app.get('/', async (request, reply) => {
    if (!isFromHere(request, options)) return sendRefusal(reply, refusals.notFound);
    const { models, tokens, platform } = options;
    const expires = platform.clock.now() + tokenLife;
    const token = await tokens.mint({ uid: developer, expires });
    const content = { models: models().all(), uid: developer, token, docs: [...pages.keys()] };
    return sendPrivately(reply, 'text/html; charset=utf-8', devPageHtml(content));
  });
  app.get<{ Params: { page: string } }>('/_docs/:page', async (request, reply) => {
    const text = pages.get(request.params.page);
    if (text === undefined || !isFromHere(request, options)) {
      return sendRefusal(reply, refusals.notFound);
    }
    return sendPrivately(reply, 'text/plain; charset=utf-8', text);
  });
}

function isFromHere({ raw }: FastifyRequest, { addresses }: DevPageOptions): boolean {
  if (!addresses.isLocal(raw) || !isNameOfHere(raw.headers.host ?? '')) return false;
  const { 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode = 'navigate' } = raw.headers;
  return site === 'none' || site === 'same-origin' || mode === 'navigate';
}

/** Browsers resolve `localhost` and the names below it without DNS. */
function isNameOfHere(host: string): boolean {
  if (!URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  return isLoopbackHost(hostname) || hostname.endsWith('.localhost');
}

function sendPrivately(reply: FastifyReply, type: string, text: string): FastifyReply {
  // Pages of other origins may not read it, even if they may call the rest of the server.
  reply.removeHeader('Access-Control-Allow-Origin');
  return reply
    .header('Cross-Origin-Resource-Policy', 'same-origin')
    .header('Content-Security-Policy', contentPolicy)
    .header('Cache-Control', 'no-store')
    .header('Content-Type', type)
    .send(Buffer.from(text));
}
