// The page: draws what the client knows, and turns what people do into writes.
import {
  $,
  author,
  changed,
  drawWith,
  nameOf,
  really,
  setItems,
  setText,
  showInitials,
  uidOf,
} from './app.js';
import { addNote, drawNotes, openNotes, whoIsHere } from './notes.js';

/** The newest; shown in the order in which they were made. */
const boards = really.collection('/boards').live();

/** The board that is open, as the address bar says: `#/boards/123`. */
const openBoard = () => (/^#\/boards\/[\w-]+$/.test(location.hash) ? location.hash.slice(1) : null);

// ── Who we are ──────────────────────────────────────────────────────────────────────────────────

/** Our uid; it stays known while there is no connection. */
let me;
let signedIn;
/** Who writes before has no author to write as. */
const firstSignIn = new Promise((resolve) => {
  signedIn = resolve;
});

/** Everybody writes under a name: makes our author, under the uid of our token, unless there is one. */
async function signIn() {
  const { uid } = really.user;
  me = uid;
  try {
    await really.object(`/authors/${uid}`).get();
  } catch (error) {
    if (error.code !== 404) {
      // Tried again when the connection says something next.
      me = undefined;
      return;
    }
    const name = localStorage.getItem('board.name') ?? newName();
    localStorage.setItem('board.name', name);
    really.collection('/authors').create({ name, color: newColor() }, { id: uid });
  }
  signedIn();
  changed();
}

const pick = (list) => list[Math.floor(Math.random() * list.length)];

function newName() {
  const first = pick(['Quiet', 'Brisk', 'Amber', 'Lucky', 'Polite', 'Merry', 'Bold', 'Patient']);
  return `${first} ${pick(['Otter', 'Heron', 'Fox', 'Lynx', 'Badger', 'Wren', 'Hare', 'Newt'])}`;
}

const newColor = () => pick(['teal', 'plum', 'moss', 'rust', 'slate']);

// ── What is shown ───────────────────────────────────────────────────────────────────────────────

function drawPage() {
  drawState();
  drawBoards();
  drawNotes(me);
  drawHere();
  if (me && document.activeElement !== $('name')) $('name').value = author(me)?.name ?? '';
}

function drawState() {
  const { state, pendingWrites } = really.connection.getSnapshot();
  const isLive = state === 'connected' && me !== undefined && author(me) !== undefined;
  const isTrying = state === 'connected' || state === 'connecting';
  const shown = isLive ? 'live' : isTrying ? 'connecting' : 'offline';
  const words = { live: 'live', connecting: 'connecting …', offline: 'offline, trying again' };
  const waiting =
    shown === 'offline' && pendingWrites > 0 ? ` (not sent yet: ${pendingWrites})` : '';
  setText($('state'), words[shown] + waiting);
  $('state').dataset.state = shown;
}

function drawBoards() {
  const list = boards.value ?? [];
  const links = list.map(({ _r, title }) => ({ _r, title, isOpen: _r === openBoard() }));
  setItems($('boards'), links.reverse(), boardLink);
  const board = list.find(({ _r }) => _r === openBoard());
  $('empty').hidden = board !== undefined;
  $('board').hidden = board === undefined;
  if (board === undefined) return;
  document.title = `${board.title} · Board`;
  setText($('board-title'), board.title);
  setText($('board-owner'), `by ${nameOf(uidOf(board.owner))}`);
  $('delete-board').hidden = uidOf(board.owner) !== me;
}

function boardLink({ _r, title, isOpen }) {
  const link = document.createElement('a');
  link.href = `#${_r}`;
  link.textContent = title;
  if (isOpen) link.setAttribute('aria-current', 'page');
  const item = document.createElement('li');
  item.append(link);
  return item;
}

/** A window is a member of the room; who has two is shown once. */
function drawHere() {
  const uids = [...new Set(whoIsHere().map(({ user }) => user.uid))];
  const people = uids.map((uid) => ({ uid, author: author(uid) }));
  setItems($('here'), people, ({ uid }) => {
    const item = $('here-template').content.firstElementChild.cloneNode(true);
    item.title = nameOf(uid);
    showInitials(item.querySelector('.initials'), uid);
    setText(item.querySelector('.hidden'), nameOf(uid));
    return item;
  });
}

// ── What people do ──────────────────────────────────────────────────────────────────────────────

$('me').addEventListener('submit', (event) => {
  event.preventDefault();
  $('name').blur();
});

$('name').addEventListener('change', ({ target }) => {
  const name = target.value.trim();
  if (name === '' || !author(me)) return;
  localStorage.setItem('board.name', name);
  really.object(`/authors/${me}`).update((u) => u.set('name', name));
});

$('new-board').addEventListener('submit', async (event) => {
  event.preventDefault();
  const title = event.target.elements.title.value;
  event.target.reset();
  await firstSignIn;
  const created = really.collection('/boards').create({ title, owner: `/authors/${me}` });
  created.then(
    ({ _r }) => {
      location.hash = _r;
    },
    () => {},
  );
});

$('delete-board').addEventListener('click', () => {
  if (!confirm('Delete this board for everybody?')) return;
  really.object(openBoard()).delete();
  location.hash = '';
});

$('new-note').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { text, color } = event.target.elements;
  const note = { text: text.value, color: color.value };
  text.value = '';
  await firstSignIn;
  addNote({ ...note, author: `/authors/${me}` });
});

$('new-note').elements.text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

addEventListener('hashchange', () => {
  openNotes(openBoard());
  changed();
  if (openBoard() !== null) $('board-title').focus();
});

drawWith(drawPage);
boards.subscribe(changed);
really.connection.subscribe(() => {
  const { user } = really;
  if (user && user.uid !== me) void signIn();
  changed();
});
openNotes(openBoard());
