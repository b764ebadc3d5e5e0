import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import {
  createElement as h,
  Profiler,
  StrictMode,
  Suspense,
  startTransition,
  useEffect,
  useState,
} from 'react';
import { createRoot, type Root } from 'react-dom/client';
import type { WebSocketConstructor, WebSocketLike } from '../client-platform.js';
import { Really } from '../mod.js';
import { reallyQueryOptions } from '../query/mod.js';
import { rql } from '../rql/mod.js';
import {
  ReallyProvider,
  RoomProvider,
  useCollection,
  useConnection,
  useObject,
  useOthers,
  useRoom,
  useSuspenseCollection,
  useSuspenseObject,
  useWrite,
} from './mod.js';

// A page for the tests in Chromium, which drive it through `window.page`.

interface View {
  readonly r: string | null;
  /** How many components of each kind, or how many votes. */
  readonly count?: number;
  readonly keepPrevious?: boolean;
  readonly query?: object;
  /** With a client that evaluates filters. */
  readonly isGuessing?: boolean;
}

/** Commands that the client sent. */
const sent: string[] = [];
/** Statuses at the first render of each component. */
const first: string[] = [];
/** What different components showed of one object at one moment. */
const torn: string[] = [];
/** What lists of own creates, and a club that is joined, have shown. */
const history: string[] = [];

class RecordingSocket extends WebSocket {
  override send(data: string): void {
    const { cmd } = JSON.parse(data) as { cmd: string };
    if (cmd !== 'ping') sent.push(cmd);
    super.send(data);
  }
}

let signIn: (token: string) => void = () => {};
const signedIn = new Promise<string>((resolve) => {
  signIn = resolve;
});

async function fetchToken(): Promise<string> {
  const response = await fetch('/auth/anonymous', { method: 'POST' });
  return ((await response.json()) as { accessToken: string }).accessToken;
}

const client = new Really(location.origin, {
  token: () => signedIn,
  platform: {
    WebSocket: RecordingSocket as unknown as WebSocketConstructor & (new () => WebSocketLike),
  },
});

/** Shows own writes in lists at once. Connects when it is asked for. */
let guessing: Really | undefined;

/** Takes a while, as real components do: React yields in between. */
function slow(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

const shown = (value: unknown) => `${(value as { votes?: number } | undefined)?.votes ?? '-'}`;

function One({
  r,
  wait = 0,
  keepPrevious,
}: {
  r: string | null;
  wait?: number;
  keepPrevious?: boolean;
}) {
  const { status, value, stale, pending, error } = useObject(r, { keepPrevious });
  useState(() => {
    first.push(status);
    slow(wait);
  });
  const state = [status, stale && 'stale', pending && 'pending', error?.message].filter(Boolean);
  return h('p', { className: 'one', 'data-state': state.join(' ') }, shown(value));
}

function Listed({ r, query = {} }: { r: string | null; query?: object | undefined }) {
  const { value } = useCollection('/tasks', { filter: 'votes >= 0', ...query });
  return h('p', { className: 'listed' }, shown(value?.find(({ _r }) => _r === r)));
}

/** The revisions of the objects with so many votes. */
function Created({ count, query = {} }: { count: number; query?: object }) {
  const { value } = useCollection('/tasks', query, { optimistic: true });
  const own = value?.filter(({ votes }) => votes === count) ?? [];
  return h('p', { className: 'history' }, own.map(({ _rev }) => _rev).join());
}

/** Shows what only members see, and becomes a member at the same moment. */
function Club() {
  const r = '/clubs/c1';
  const statuses = [useObject(r), useCollection(`${r}/posts`), useRoom(r)];
  useEffect(() => {
    if (client.writes.length > 0) return;
    void client.collection('/clubs').create({}, { id: 'c1' });
    void client.collection(`${r}/members`).create({}, { id: client.user?.uid });
  }, []);
  return h('p', { className: 'history' }, statuses.map(({ status }) => status).join(' '));
}

function Suspended({ r }: { r: string }) {
  const { value, status } = useSuspenseObject(r);
  const list = useSuspenseCollection('/tasks', { filter: 'votes >= 0' });
  return h(
    'p',
    { className: 'suspended', 'data-state': status },
    `${shown(value)} of ${list.value?.length}`,
  );
}

function Form({ r }: { r: string }) {
  const { update, status, pending, error, stale } = useWrite();
  const connection = useConnection();
  const vote = () => update(r, (u) => u.addNumber('votes', 1));
  const spoil = () => update(r, (u) => u.set('votes', 'many'));
  const state = [status, pending && 'pending', stale && 'stale', error?.message].filter(Boolean);
  return h(
    'div',
    null,
    h('button', { id: 'vote', type: 'button', onClick: vote }, 'vote'),
    h('button', { id: 'spoil', type: 'button', onClick: spoil }, 'spoil'),
    h('p', { id: 'write' }, state.join(' ')),
    h('p', { id: 'connection' }, `${connection.status} ${connection.pending}`),
    h(One, { r }),
  );
}

function Queried({ r }: { r: string }) {
  const { data, status } = useQuery(reallyQueryOptions(client.object(r)));
  const list = useQuery(reallyQueryOptions(client.collection('/tasks'), { sort: '-votes' }));
  return h(
    'p',
    { className: 'queried', 'data-state': status },
    `${shown(data)} of ${list.data?.length}`,
  );
}

const typing = (others: readonly { state: { typing?: boolean } }[]) =>
  others.map(({ state }) => `${state.typing ?? '-'}`);

function Everybody({ r }: { r: string | null }) {
  const { status, value, present, error } = useRoom(r);
  const me = `me ${(value?.me?.state as { typing?: boolean } | undefined)?.typing}`;
  return h(
    'button',
    { id: 'type', type: 'button', onClick: () => present({ typing: true }), 'data-state': status },
    [me, value?.count ?? 0, ...typing(value?.others ?? []), ...(error ? [error.message] : [])].join(
      ' ',
    ),
  );
}

let countRenders = 0;

function HowMany() {
  countRenders += 1;
  const { value, status } = useOthers((others) => ({ count: others.length }));
  return h('p', { id: 'count', 'data-state': status }, `${value?.count}`);
}

function Names() {
  const { value } = useOthers((others) => others.map(({ user }) => user.uid));
  return h('p', { id: 'names' }, value?.join(' '));
}

function InRoom({ r }: { r: string | null }) {
  return h(
    RoomProvider,
    { r, state: { typing: false } },
    ...[h(Everybody, { r, key: 1 }), h(HowMany, { key: 2 }), h(Names, { key: 3 })],
  );
}

const queryClient = new QueryClient();

let open: (r: string) => void = () => {};

/** Many of each kind, and as many slow ones that come by a transition. */
function Many({ r, count = 1, query }: View) {
  const [late, setLate] = useState<string>();
  open = (opened) => startTransition(() => setLate(opened));
  const some = Array.from({ length: count }, (_, key) => key);
  return [
    ...some.map((key) => h(One, { key: `one${key}`, r })),
    ...some.map((key) => h(Listed, { key: `listed${key}`, r, query })),
    ...(late ? some.map((key) => h(One, { key: `late${key}`, r: late, wait: 2 })) : []),
  ];
}

const views = {
  many: (view: View) => h(Many, view),
  one: ({ r, keepPrevious = false }: View) => h(One, { r, keepPrevious }),
  suspense: ({ r }: View) =>
    h(
      Suspense,
      { fallback: h('p', { className: 'fallback' }, 'loading') },
      h(Suspended, { r: r ?? '' }),
    ),
  query: ({ r }: View) =>
    h(QueryClientProvider, { client: queryClient }, h(Queried, { r: r ?? '' })),
  room: ({ r }: View) => h(InRoom, { r }),
  form: ({ r }: View) => h(Form, { r: r ?? '' }),
  club: () => h(Club),
  created: ({ count = 1, isGuessing = false }: View) => {
    if (isGuessing) guessing ??= new Really(location.origin, { token: fetchToken, rql: rql() });
    const lists = [
      h(Created, { key: 1, count }),
      h(Created, { key: 2, count, query: { filter: 'votes > 0' } }),
    ];
    return h(ReallyProvider, { client: guessing ?? client }, ...lists);
  },
};

const container = document.getElementById('root') as HTMLElement;
let root: Root | undefined;
let renders = 0;

function show(name: keyof typeof views, view: View, linger: number): void {
  root ??= createRoot(container);
  const content = h(Profiler, { id: 'page', onRender: () => (renders += 1) }, views[name](view));
  root.render(h(StrictMode, null, h(ReallyProvider, { client, linger }, content)));
}

function unmount(): void {
  root?.unmount();
  root = undefined;
}

// Runs after each commit, before anything else can happen.
new MutationObserver(() => {
  const texts = [...container.querySelectorAll('.one, .listed')].map(
    ({ textContent }) => textContent,
  );
  const shownNow = [...container.querySelectorAll('.history')].map(
    ({ textContent }) => textContent,
  );
  if (shownNow.length > 0) history.push(shownNow.join('|'));
  const kinds = new Set(texts.filter((text) => text !== '-'));
  if (kinds.size > 1) torn.push([...kinds].join(' '));
}).observe(container, { childList: true, characterData: true, subtree: true });

Object.assign(window, {
  page: {
    show,
    unmount,
    connect: async () => signIn(await fetchToken()),
    open: (r: string) => open(r),
    create: async (votes: number) => (await client.collection('/tasks').create({ votes }))._r,
    sent: () => sent.splice(0),
    first: () => first.splice(0),
    torn: () => torn.splice(0),
    history: () => history.splice(0),
    createShown: (votes: number) =>
      void (guessing ?? client).collection('/tasks').create({ votes }),
    renders: () => renders,
    countRenders: () => countRenders,
    offline: () => client.close(),
  },
});
