// The page: shows what `live` knows, and turns what people do into commands.
import { $, connection, live, me, nameOf, say, set, update } from './app.js';
import { addNote, showNote, showNotesBy, showNotesOf } from './notes.js';

const boardsR = '/boards/*';

/** The board that is open, as the address bar says: `#/boards/123`. */
const openBoard = () => (/^#\/boards\/[\w-]+$/.test(location.hash) ? location.hash.slice(1) : null);

// ── What the server says ────────────────────────────────────────────────────────────────────────

connection.addEventListener('state', () => {
  signedIn = false;
  showState();
});
connection.addEventListener('ready', () => void signIn());
live.addEventListener('change', ({ detail: r }) => {
  if (/\/notes\//.test(r)) showNote(r);
  else if (r.startsWith('/authors/')) showAuthor(r);
  else showBoards();
});

let signedIn = false;
let tellFirstSignIn;
/** Who writes before has no author to write as. */
const firstSignIn = new Promise((resolve) => {
  tellFirstSignIn = resolve;
});

/** Everybody writes under a name: makes our author where there is none, under the uid of our token. */
async function signIn() {
  const r = me();
  const body = { name: localStorage.getItem('board.name') ?? newName(), color: newColor() };
  localStorage.setItem('board.name', body.name);
  try {
    await connection.write({ cmd: 'create', r, body });
  } catch (error) {
    if (error.message !== 'object.already.exist') return say(error);
  }
  await live.watch([r]);
  await live.watchCollection(boardsR);
  showBoards();
  await showNotesOf(openBoard());
  signedIn = connection.state === 'live';
  showState();
  tellFirstSignIn();
}

function newName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  const first = pick(['Quiet', 'Brisk', 'Amber', 'Lucky', 'Polite', 'Merry', 'Bold', 'Patient']);
  return `${first} ${pick(['Otter', 'Heron', 'Fox', 'Lynx', 'Badger', 'Wren', 'Hare', 'Newt'])}`;
}

function newColor() {
  const colors = ['teal', 'plum', 'moss', 'rust', 'slate'];
  return colors[Math.floor(Math.random() * colors.length)];
}

// ── What is shown ───────────────────────────────────────────────────────────────────────────────

function showState() {
  const words = { live: 'live', connecting: 'connecting …', offline: 'offline, trying again' };
  const state = connection.state === 'live' && !signedIn ? 'connecting' : connection.state;
  $('state').textContent = words[state];
  $('state').dataset.state = state;
}

function showBoards() {
  const boards = live.list(boardsR).sort((a, b) => a.created.localeCompare(b.created));
  $('boards').replaceChildren(...boards.map(boardLink));
  const board = live.objects.get(openBoard());
  $('empty').hidden = board !== undefined;
  $('board').hidden = board === undefined;
  if (board === undefined) return;
  document.title = `${board.title} · Board`;
  $('board-title').textContent = board.title;
  $('board-owner').textContent = `by ${nameOf(board.owner)}`;
  $('delete-board').hidden = board.owner !== me();
  void live.watch([board.owner]);
}

function boardLink({ _r, title }) {
  const link = document.createElement('a');
  link.href = `#${_r}`;
  link.textContent = title;
  if (_r === openBoard()) link.setAttribute('aria-current', 'page');
  const item = document.createElement('li');
  item.append(link);
  return item;
}

function showAuthor(r) {
  if (r === me() && document.activeElement !== $('name')) $('name').value = nameOf(r);
  showNotesBy(r);
  showBoards();
}

// ── What people do ──────────────────────────────────────────────────────────────────────────────

$('me').addEventListener('submit', (event) => {
  event.preventDefault();
  $('name').blur();
});

$('name').addEventListener('change', ({ target }) => {
  const name = target.value.trim();
  if (name === '' || !live.objects.has(me())) return;
  localStorage.setItem('board.name', name);
  update(me(), [set('name', name)]).catch(say);
});

$('new-board').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const title = form.elements.title.value;
  form.reset();
  await firstSignIn;
  try {
    const body = { title, owner: me() };
    const answer = await connection.write({ cmd: 'create', r: '/boards', body });
    location.hash = answer.body._r;
  } catch (error) {
    say(error);
  }
});

$('delete-board').addEventListener('click', () => {
  if (!confirm('Delete this board for everybody?')) return;
  connection.write({ cmd: 'delete', r: openBoard() }).then(() => {
    location.hash = '';
  }, say);
});

$('new-note').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { text, color } = event.target.elements;
  const given = [text.value, color.value];
  text.value = '';
  await firstSignIn;
  addNote(...given);
});

$('new-note').elements.text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

addEventListener('hashchange', async () => {
  showBoards();
  await showNotesOf(openBoard());
  if (openBoard() !== null) $('board-title').focus();
});

void connection.run();
