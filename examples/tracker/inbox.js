// Receives emails and events as webhooks, checks who sent them, and shows them on a page, in place of a mail server.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const config = readFileSync(new URL('really.yaml', import.meta.url), 'utf8');
const [secret] = /whsec_\S+/.exec(config);
const webhook = new Webhook(secret);
/** Those that came last, newest first, by id: a message may come twice. */
const messages = new Map();
const mostMessages = 100;
const mostBytes = 100_000;

/** Resolves with the server once it listens. */
export function startInbox(port = 9025) {
  const server = createServer(answer);
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function answer(request, response) {
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    return response.end(page());
  }
  try {
    const body = await bodyOf(request);
    const { type, data } = webhook.verify(body, request.headers);
    messages.set(request.headers['webhook-id'], { type, data });
    if (messages.size > mostMessages) messages.delete(messages.keys().next().value);
    response.writeHead(204).end();
  } catch {
    response.writeHead(401).end();
  }
}

async function bodyOf(request) {
  let text = '';
  for await (const part of request.setEncoding('utf8')) {
    text += part;
    if (text.length > mostBytes) throw new Error('too long');
  }
  return text;
}

/** What an app would write in the email. */
function lines({ type, data }) {
  const app = process.env.TRACKER_URL ?? 'http://127.0.0.1:9000';
  if (type === 'auth.email.verify') {
    return [
      `To ${data.email}: confirm that this address is yours.`,
      `${app}/#verify=${data.token}`,
    ];
  }
  if (type === 'invitation.created') {
    return [`To ${data.email}: you are invited to the project ${data.project}.`, `${app}/`];
  }
  return [`${type}: ${JSON.stringify(data)}`];
}

function page() {
  const items = [...messages.values()].reverse().map((message) => {
    const [text, link] = lines(message).map(escaped);
    return `<li><p>${text}</p>${link ? `<p><a href="${link}">${link}</a></p>` : ''}</li>`;
  });
  return `<!doctype html><meta charset="utf-8"><title>Inbox</title>
<style>body { font: 16px/1.5 system-ui; max-width: 46rem; margin: 2rem auto; padding: 0 1rem } a { word-break: break-all }</style>
<h1>Inbox</h1>${items.length ? `<ul>${items.join('')}</ul>` : '<p>Nothing yet.</p>'}`;
}

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => entities[sign]);
