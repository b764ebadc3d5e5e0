import type { Field, Model } from '../../../model/model.js';

export interface DevPageContent {
  readonly models: readonly Model[];
  /** The uid of the token. */
  readonly uid: string;
  readonly token: string;
  /** Names of pages of the documentation. */
  readonly docs: readonly string[];
}

export const style = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6878; --paper: #f7f8fa; --card: #fff; --line: #dde2e9; --link: #0b5cad; --code: #eef1f5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #98a3b3; --paper: #14181e; --card: #1c222b; --line: #2e3743; --link: #7cb7ff; --code: #12161b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 58rem; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.1rem; }
p { margin: .4rem 0; color: var(--soft); }
a { color: var(--link); text-underline-offset: .15em; }
article, pre { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
article { margin: .75rem 0; padding: .9rem 1.1rem; }
article header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; justify-content: space-between; }
article h3 { margin: 0; font: 600 1rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
article header a { overflow-wrap: anywhere; }
code { font: .88em/1.5 ui-monospace, monospace; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .15rem 1.25rem; margin: .6rem 0 0; }
dt { font: .88em/1.6 ui-monospace, monospace; overflow-wrap: anywhere; }
dd { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .9rem 1.1rem; background: var(--code); white-space: pre-wrap; overflow-wrap: anywhere; }
button { padding: .35rem .9rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--card); color: inherit; font: inherit; cursor: pointer; }
button:hover { border-color: var(--link); }
nav { margin-top: .9rem; }
ul { display: flex; flex-wrap: wrap; gap: .35rem 1.25rem; margin: 0; padding: 0; list-style: none; }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; } }
`;

export const script = `
for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = 'Copied';
  });
}
`;

/** The page, in one file. Everything from the app is escaped. */
export function devPageHtml(content: DevPageContent): string {
  const { models, uid, token, docs } = content;
  const [first] = models;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Really, in development</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<h1>Really is running</h1>
<p>This page is served in development only, and only to this machine. A folder <code>public</code> next to the models replaces it.</p>
<nav><ul>
<li><a href="#collections">Collections</a></li>
<li><a href="#console">Console</a></li>
<li><a href="#alone">Token</a></li>
<li><a href="#docs">Documentation</a></li>
</ul></nav>
<h2 id="collections">Collections</h2>
${models.length === 0 ? noModels : models.map((model) => modelCard(model, token)).join('\n')}
<h2 id="console">In the console of this browser</h2>
<p>Open the browser console on this page and paste this. The token is for the user <code>${escaped(uid)}</code> and valid for a day; <code>npx really token --uid amal</code> mints one for another user.</p>
<pre id="snippet">${escaped(snippet(first, token))}</pre>
<button type="button" data-copy="snippet">Copy</button>
<h2 id="alone">The token alone</h2>
<pre id="token">${escaped(token)}</pre>
<button type="button" data-copy="token">Copy</button>
<h2 id="docs">Documentation</h2>
<ul>
<li><a href="/openapi.json">OpenAPI document of this app</a></li>
${docs.map((name) => `<li><a href="/_docs/${encodeURIComponent(name)}">${escaped(name)}</a></li>`).join('\n')}
</ul>
<script>${script}</script>
</body>
</html>
`;
}

const noModels = `<p>There are none yet. Write <code>models/tasks/model.yaml</code>, for instance:</p>
<pre>version: 1
fields:
  title: { type: String, required: true }</pre>
<p>It is loaded at once; reload this page then.</p>`;

function modelCard({ names, version, fields, access }: Model, token: string): string {
  const printed = names.map((name) => `/${name}/*`).join('');
  const path = `/v0.1/${names.map(encodeURIComponent).join('/*/')}`;
  const link = `${path}?access_token=${encodeURIComponent(token)}`;
  const about = `version ${version}${access.hidden ? ', hidden' : ''}`;
  const rows = [...fields.values()].map(
    (field) => `<dt>${escaped(field.name)}</dt><dd>${escaped(typeOf(field))}</dd>`,
  );
  return `<article>
<header><h3>${escaped(printed)}</h3><a href="${escaped(link)}">GET ${escaped(path)}</a></header>
<p>${about}</p>
<dl>${rows.join('\n')}</dl>
</article>`;
}

function typeOf(field: Field): string {
  const traits = [
    ...(field.required === false ? [] : ['required']),
    ...(field.unique ? ['unique'] : field.index ? ['indexed'] : []),
  ];
  return [plainTypeOf(field), ...traits].join(', ');
}

function plainTypeOf(field: Field): string {
  switch (field.type) {
    case 'List':
      return `List of ${plainTypeOf(field.items)}`;
    case 'reference':
      return `reference to ${field.collection.map((name) => `/${name}/*`).join('')}`;
    case 'Object':
      return `Object of ${[...field.fields.keys()].join(', ')}`;
    case 'Calculated':
      return `${field.valueType}, calculated from ${field.dependsOn.join(', ')}`;
    default:
      return field.type;
  }
}

function snippet(first: Model | undefined, token: string): string {
  const r = first === undefined ? '/tasks' : `/${first.names.join('/*/')}`;
  return `const socket = new WebSocket(location.origin.replace('http', 'ws') + '/v0.1/socket');
const say = (message) => socket.send(JSON.stringify(message));
socket.onmessage = ({ data }) => console.log(JSON.parse(data));
socket.onopen = () => {
  say({ tag: 1, cmd: 'initialize', accessToken: '${token}' });
  say({ tag: 2, cmd: 'read', r: '${r}', cmdOpts: { subscribe: true } });
};`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}
